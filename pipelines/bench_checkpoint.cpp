// What training loses to its checkpoints: the steps while one is being written, beside the steps while none is.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "core/error.h"
#include "pipelines/bench.h"
#include "pipelines/bench_one_batch.h"
#include "pipelines/network.h"
#include "ssl/method.h"
#include "train/checkpoint.h"
#include "train/trainer.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;

data::Batch one_batch(std::int64_t patch) {
  data::Batch batch;
  data::View view;
  view.images = at::randn({1, 1, patch, patch, patch});
  view.kept = view.images;
  view.hidden = at::rand({1, patch, patch, patch}).gt(0.5).to(at::kByte);
  view.valid = at::ones({1, patch, patch, patch}, at::kByte);
  view.case_index = at::zeros({1}, at::kLong);
  view.voxel_to_case.resize(1);
  view.case_shape.push_back({patch, patch, patch});
  batch.views = {view};
  batch.sample = batch.case_index = at::zeros({1}, at::kLong);
  batch.ids = {"one"};
  return batch;
}

// When each step ended.
class Clock : public train::Watcher {
 public:
  std::int64_t every_steps() const override { return 1; }
  std::map<std::string, double> look(train::Learner&, const data::Batch&, const train::Moment&) override {
    ends.push_back(wall_seconds());
    return {};
  }
  std::vector<double> ends;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct Measured {
  double step_s = 0, lost_s = 0, megabytes = 0;
};

// Every other stretch of steps begins with a checkpoint, which is written within it.
Measured measure(const BenchOptions& options, const fs::path& folder) {
  const std::int64_t patch = std::max<std::int64_t>(32, options.size / 4 / 32 * 32),
                     stretch = options.repeats == 1 ? 2 : 12;
  const models::Input input{1, {patch, patch, patch}, {1, 1, 1}};
  const auto method = ssl::method_named("mae").settings()->make({EncoderChoice::from({}).make(input), input});
  OneBatch source(one_batch(patch), 1);
  Clock clock;
  train::TrainerSettings settings;
  settings.checkpoint_every = 2 * stretch;
  settings.steps = settings.checkpoint_every * (options.repeats + 2);
  settings.log_every = settings.steps;
  std::vector<train::Watcher*> watchers{&clock};
  const auto alone = runtime::alone();
  train::fit(*method, source, settings, {folder, {}, core::Progress::Style::kSilent}, c10::Device(c10::kCPU), *alone,
             watchers);
  const auto written = train::checkpoints(folder);
  const train::Checkpoint last = train::read_checkpoint(written.at(0));
  for (const auto& [name, weight] : method->weights())
    require_equal(at::equal(weight, last.weights.at(name)), "checkpoint: weight " + name);
  Measured all;
  all.megabytes = static_cast<double>(fs::file_size(written.at(0))) / 1e6;
  std::vector<double> with, without;
  const auto seconds = [&](std::int64_t from) {
    return clock.ends[static_cast<std::size_t>(from + stretch - 1)] - clock.ends[static_cast<std::size_t>(from - 1)];
  };
  // The first checkpoint finds new memory; it warms up.
  for (std::int64_t turn = 2; turn <= options.repeats + 1; ++turn) {
    with.push_back(seconds(turn * 2 * stretch));
    without.push_back(seconds(turn * 2 * stretch - stretch));
  }
  all.step_s = median(without) / static_cast<double>(stretch);
  all.lost_s = median(with) - median(without);
  return all;
}

std::vector<BenchResult> run(const BenchOptions& options) {
  const int before = at::get_num_threads();
  at::set_num_threads(options.threads);
  at::manual_seed(1);
  const fs::path folder = fs::temp_directory_path() / fmt::format("gadolin-bench-checkpoint-{}", ::getpid());
  const Measured measured = measure(options, folder);
  fs::remove_all(folder);
  at::set_num_threads(before);
  const auto every = static_cast<double>(train::TrainerSettings().checkpoint_every);
  return {
      {fmt::format("{:.0f} MB beside steps of mae, resenc", measured.megabytes), every, "step", "", "the steps without",
       every * measured.step_s + measured.lost_s, 0, every * measured.step_s,
       fmt::format("checkpoint: one of {:.0f} MB costs the steps {:.2f} s of {:.2f} s each; every {:.0f} steps (the "
                   "default) that is {:.2f} %",
                   measured.megabytes, measured.lost_s, measured.step_s, every,
                   100 * measured.lost_s / (every * measured.step_s))}};
}

}  // namespace

extern const Workload checkpoint_workload;
const Workload checkpoint_workload{"checkpoint", "what a step loses to the checkpoints written beside it (mae, resenc)",
                                   run};

}  // namespace pipelines
