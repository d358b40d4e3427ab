// Pretraining out of a store: does it wait for its views, how long until the first batch, does memory stay flat.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "data/loader.h"
#include "data/store_dataset.h"
#include "pipelines/bench.h"
#include "pipelines/bench_one_batch.h"
#include "pipelines/network.h"
#include "pipelines/view_maker.h"
#include "ssl/method.h"
#include "store/writer.h"
#include "train/trainer.h"
#include "volume/phantom.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;

constexpr int kCases = 8;
constexpr std::int64_t kBatch = 2;

std::int64_t resident_bytes() {
  std::int64_t pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

// A folder that goes with its owner.
class Bench {
 public:
  explicit Bench(const BenchOptions& options)
      : options_(options), folder_(fs::temp_directory_path() / fmt::format("gadolin-bench-loader-{}", ::getpid())) {
    const std::int64_t patch = std::max<std::int64_t>(32, options.size / 4);
    steps_ = options.repeats == 1 ? 2 : 20;
    input_ = {1, {patch, patch, patch}, {1, 1, 1}};
    method_ = ssl::method_named("simclr").settings()->make({EncoderChoice::from({}).make(input_), input_});
    fs::create_directories(folder_);
    volume::PhantomOptions phantom;
    phantom.size = std::max<std::int64_t>(options.size, 2 * patch);
    phantom.anisotropy = 1;
    store::Writer writer(folder_ / "store", {.layout = {.compression = 0, .patch = {patch, patch, patch}}});
    for (int i = 0; i < kCases; ++i) {
      volume::Case one = volume::phantom_case(phantom, i);
      one.channels[0].image->scale = 0.01;
      writer.add(one);
    }
    writer.commit();
  }
  ~Bench() { fs::remove_all(folder_); }

  // From opening the store on.
  std::unique_ptr<data::Loader> loader(int workers) const {
    const auto reader = std::make_shared<const store::Reader>(folder_ / "store");
    data::StoreDatasetOptions options;
    options.read_labels = options.keep_locations = false;
    const auto dataset = std::make_shared<const data::StoreDataset>(reader, view_maker(method_->views()), options);
    return std::make_unique<data::Loader>(dataset, data::LoaderOptions{.batch_size = kBatch, .workers = workers});
  }

  void require_same_views() const {
    const auto one = loader(1), three = loader(3);
    for (int i = 0; i < 5; ++i) {
      const data::Batch a = one->next(), b = three->next();
      for (std::size_t v = 0; v < a.views.size(); ++v)
        require_equal(at::equal(a.views[v].images, b.views[v].images), "loader: batches of one and of three workers");
    }
  }

  double training_seconds(data::BatchSource& source) {
    const fs::path run = folder_ / fmt::format("run-{}", runs_++);
    train::TrainerSettings settings;
    settings.steps = steps_;
    settings.checkpoint_every = 0;
    const auto alone = runtime::alone();
    const train::FitResult result = train::fit(*method_, source, settings, {run, {}, core::Progress::Style::kSilent},
                                               c10::Device(c10::kCPU), *alone);
    fs::remove_all(run);
    return result.seconds;
  }

  BenchResult training() {
    OneBatch dummy(loader(1)->next(), kCases);
    std::vector<double> ours, without;
    for (int turn = 0; turn <= options_.repeats; ++turn) {
      const auto views = loader(0);
      views->next();  // the first batch is counted by itself
      views->seek(0);
      const double with_views = training_seconds(*views);
      dummy.seek(0);
      const double with_none = training_seconds(dummy);
      if (turn == 0) continue;  // warms up
      ours.push_back(with_views);
      without.push_back(with_none);
    }
    const auto median = [](std::vector<double>& all) {
      std::sort(all.begin(), all.end());
      return all[all.size() / 2];
    };
    return {fmt::format("training on {}^3", input_.patch[0]),
            static_cast<double>(steps_),
            "step",
            "one batch again and again",
            "",
            median(ours),
            median(without),
            0};
  }

  BenchResult first_batch() const {
    return {"first batch", 1, "batch", "", "", median_seconds({[&] { loader(0)->next(); }}, options_.repeats)[0], 0, 0};
  }

  BenchResult many_batches() const {
    const int batches = options_.repeats == 1 ? 40 : 10000;
    const auto views = loader(0);
    std::int64_t early = 0;
    const double start = wall_seconds();
    for (int i = 0; i < batches; ++i) {
      if (i == batches / 10) early = resident_bytes();
      views->next();
    }
    const double seconds = wall_seconds() - start;
    const double megabyte = 1e6, late = static_cast<double>(resident_bytes());
    return {fmt::format("{} batches", batches),
            static_cast<double>(batches),
            "batch",
            "",
            "",
            seconds,
            0,
            0,
            fmt::format("loader: from batch {} to batch {} resident memory went from {:.1f} to {:.1f} MB", batches / 10,
                        batches, static_cast<double>(early) / megabyte, late / megabyte)};
  }

 private:
  const BenchOptions options_;
  const fs::path folder_;
  models::Input input_;
  std::unique_ptr<ssl::Method> method_;
  std::int64_t steps_ = 0;  // of one turn
  int runs_ = 0;
};

std::vector<BenchResult> run(const BenchOptions& options) {
  const int before = at::get_num_threads();
  at::set_num_threads(options.threads);
  at::manual_seed(1);
  Bench bench(options);
  bench.require_same_views();
  std::vector<BenchResult> rows{bench.first_batch(), bench.training(), bench.many_batches()};
  at::set_num_threads(before);
  return rows;
}

}  // namespace

extern const Workload loader_workload;
const Workload loader_workload{"loader", "pretraining (simclr, resenc) out of a store, beside the same without loading",
                               run};

}  // namespace pipelines
