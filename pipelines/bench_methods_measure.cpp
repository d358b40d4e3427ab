#include "pipelines/bench_methods_measure.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>

#include "core/error.h"
#include "evaluate/overlap.h"
#include "evaluate/probe.h"
#include "evaluate/ranking.h"
#include "evaluate/sliding_window.h"
#include "pipelines/bench.h"
#include "pipelines/bench_one_batch.h"
#include "pipelines/choice.h"
#include "pipelines/finetune_run.h"
#include "pipelines/pretrain_run.h"
#include "runtime/memory_count.h"
#include "train/metrics.h"
#include "train/run_state.h"
#include "train/step.h"
#include "train/trainer.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;

constexpr double kFixedBatchRate = 3e-3;  // as tests/ssl/contract_test.cpp
constexpr std::int64_t kTogether = 16;    // patches embedded at once

struct Diverged {
  std::string story;
};

void refuse_divergence(const std::string& where, double first, double last) {
  if (std::isfinite(last) && last <= 10 * std::abs(first) + 1) return;
  throw Diverged{fmt::format("{}: from {:.4g} to {:.4g}", where, first, last)};
}

PretrainRequest request_for(BenchPlace& place, const fs::path& out) {
  PretrainRequest request;
  request.store = (place.folder() / "store").string();
  request.split = (place.folder() / "split.csv").string();
  request.out = out.string();
  request.device = "cpu";
  request.threads = place.threads();
  return request;
}

std::unique_ptr<PretrainRecipe> recipe_of(const std::vector<core::Setting>& settings) {
  auto recipe = std::make_unique<PretrainRecipe>(settings);
  core::configure(recipe->slots(), settings);
  return recipe;
}

std::shared_ptr<models::Encoder> first_weights(const PlannedCell& planned, const models::Input& input) {
  EncoderChoice choice = EncoderChoice::from(planned.settings);
  core::configure(choice.slots(), settings_below({"encoder"}, planned.settings));
  at::manual_seed(static_cast<std::uint64_t>(planned.key.seed));
  return choice.make(input);
}

// Of one thread the processor's time, which other programs do not disturb; of several the clock's.
using Clock = double (*)();
Clock clock_of(const BenchPlace& place) { return place.threads() == 1 ? processor_seconds : wall_seconds; }

// Forward and backward over all scales, of as many whole patches as the batch has samples.
double encoder_seconds(const PlannedCell& planned, const models::Input& input, std::int64_t samples, Clock now) {
  const auto encoder = first_weights(planned, input);
  const at::Tensor images = at::randn({samples, input.channels, input.patch[0], input.patch[1], input.patch[2]});
  return median_seconds({[&] {
                          at::Tensor sum;
                          for (const at::Tensor& scale : encoder->features(images))
                            sum = sum.defined() ? sum + scale.mean() : scale.mean();
                          sum.backward();
                        }},
                        5, now)
      .front();
}

// Steps of a fresh method on one batch: what falls, what a step takes.
void on_one_batch(Cell& cell, const PlannedCell& planned, BenchPlace& place, std::int64_t steps) {
  const c10::Device cpu(c10::kCPU);
  const Clock now = clock_of(place);
  std::optional<runtime::MemoryCount> memory(std::in_place, cpu);
  const auto recipe = recipe_of(planned.settings);
  const auto comm = runtime::alone();
  PretrainRun run = set_up(request_for(place, ""), *recipe, *comm);
  ssl::Method& method = *run.method;
  const ssl::MethodEntry& entry = ssl::method_named(planned.key.method);
  train::TrainerSettings settings = recipe->trainer;
  settings.schedule = "constant";
  settings.warmup_steps = 0;
  settings.learning_rate = std::max(settings.learning_rate, kFixedBatchRate);
  method.use(*comm);
  method.set_training(true);
  const data::Batch batch = run.loader->next();
  OneBatch source(batch, run.loader->epoch_size());
  if (method.wants_pass()) {
    method.before_epoch(*run.loader->pass(), {});
  } else {
    method.before_epoch(source, {});
  }
  run.loader.reset();  // its threads would be timed too
  train::RunState state(method, source, settings, cpu, *comm);
  train::Timings timings(cpu);
  train::Step step(method, state, settings, cpu, *comm, timings);
  cell.improves = std::string(entry.improves);
  const std::string name =
      cell.improves == "loss" && state.phases.size() > 1 ? state.phases.front().name + ".loss" : cell.improves;
  std::vector<double> seconds;
  for (std::int64_t i = 0; i < steps; ++i) {
    const train::Moment moment{i, steps, 0};
    const double start = now();
    const train::Step::Outcome outcome = step.run(batch, moment);
    if (!outcome.fault.empty()) throw Diverged{fmt::format("step {} on one batch: {}", i, outcome.fault)};
    method.after_update(moment);
    if (memory && i == 2) {
      cell.times["peak_mb"] = static_cast<double>(memory->most()) / 1e6;
      memory.reset();
    } else if (!memory) {
      seconds.push_back(now() - start);
    }
    const double value = outcome.seen.at(name).item<double>();
    if (i == 0) cell.first = value;
    cell.last = value;
  }
  if (!seconds.empty()) cell.times["step_ms"] = 1e3 * median(seconds);
  cell.times["encoder_ms"] = 1e3 * encoder_seconds(planned, run.input, batch.size(), now);
  refuse_divergence(cell.improves + " on one batch", cell.first, cell.last);
}

// As gadolin pretrain does, without its watchers. The run lies in `folder`.
PretrainRun pretrained(const PlannedCell& planned, BenchPlace& place, const fs::path& folder) {
  const auto recipe = recipe_of(planned.settings);
  const auto comm = runtime::alone();
  PretrainRun run = set_up(request_for(place, folder), *recipe, *comm);
  const train::FitResult result = train::fit(
      *run.method, *run.loader, recipe->trainer,
      {.folder = folder, .facts = facts_of(record_of(*recipe, run)), .progress = core::Progress::Style::kSilent},
      run.device, *comm);
  if (result.interrupted) throw Interrupted{};
  run.loader.reset();
  const auto metrics = train::read_metrics(folder / "metrics.csv");
  const auto losses = metrics.find("loss");
  if (losses == metrics.end()) throw Diverged{"pretraining: no step had a finite loss and gradient"};
  refuse_divergence("loss of pretraining", losses->second.front().second, result.loss);
  static const auto none = runtime::alone();  // what the method was given lives no longer than this call
  run.method->use(*none);
  run.method->set_training(false);
  return run;
}

using Embed = std::function<at::Tensor(const at::Tensor&)>;

at::Tensor embedded(const at::Tensor& images, const Embed& embed) {
  const at::NoGradGuard no_gradient;
  std::vector<at::Tensor> rows;
  for (const at::Tensor& some : images.split(kTogether)) rows.push_back(embed(some).to(at::kFloat));
  at::Tensor all = at::cat(rows);
  if (!all.isfinite().all().item<bool>()) throw Diverged{"embeddings are not finite"};
  return all;
}

// The share of a patient's patches whose organ is told right.
std::map<std::string, double> organs_told(const std::string& probe, BenchPlace& place, const Embed& embed) {
  const OrganPatches& train = place.patches("train");
  const OrganPatches& test = place.patches("test");
  const at::Tensor known = embedded(train.images, embed), asked = embedded(test.images, embed);
  const at::Tensor p = probe == "kNN" ? evaluate::knn_probabilities(known, train.organs, asked, organ_count())
                                      : evaluate::logistic_probabilities(known, train.organs, asked, organ_count());
  const at::Tensor right = (p.argmax(1) == test.organs).to(at::kDouble);
  std::map<std::string, double> scores, count;
  for (std::size_t i = 0; i < test.patients.size(); ++i) {
    scores[test.patients[i]] += right[static_cast<std::int64_t>(i)].item<double>();
    count[test.patients[i]] += 1;
  }
  for (auto& [patient, score] : scores) score /= count[patient];
  return scores;
}

double mean_dice(const FinetuneRun& run, finetune::Task& task, std::int64_t index) {
  const store::Reader& reader = run.reader();
  const volume::Volume truth = reader.read_labels(index, reader.whole(index));
  const volume::Volume predicted = evaluate::label_map_of(run.predict(task, index), reader.summary(index).geometry);
  double sum = 0, count = 0;
  for (const evaluate::Overlap& each : evaluate::overlaps(predicted, truth, evaluate::labels_in(truth))) {
    sum += each.dice();
    count += 1;
  }
  return count > 0 ? sum / count : 0;
}

// As gadolin finetune does, on a draw of labelled scans that goes by the seed. `init`: a run's folder, or empty.
std::map<std::string, double> organs_segmented(const PlannedCell& planned, BenchPlace& place, const fs::path& init,
                                               const fs::path& folder) {
  FinetuneRequest request;
  request.store = place.folder() / "store";
  request.split = place.folder() / "split.csv";
  request.out = folder;
  request.init = init;
  request.labels = kTuneLabels;
  request.draw = static_cast<std::uint64_t>(planned.key.seed);
  request.device = "cpu";
  request.threads = place.threads();
  std::vector<core::Setting> settings = settings_below({"encoder"}, planned.settings);
  for (const std::string& text :
       {fmt::format("trainer.steps={}", kTuneSteps), fmt::format("trainer.warmup_steps={}", kTuneSteps / 10),
        fmt::format("trainer.seed={}", planned.key.seed), std::string("trainer.checkpoint_every=0"),
        std::string("trainer.precision=fp32"), std::string("data.workers=1"), std::string("task.name=segmentation")})
    settings.push_back(core::setting_from_argument(text));
  const auto comm = runtime::alone();
  FinetuneRun run(request, settings, *comm);
  const FinetuneRun::Trained trained = run.train(folder, run.labelled(), run.recipe().trainer.learning_rate);
  if (trained.fit.interrupted) throw Interrupted{};
  std::map<std::string, double> scores;
  for (const std::int64_t index : run.test()) scores[run.patient(index)] = mean_dice(run, *trained.task, index);
  return scores;
}

void measure_method(Cell& cell, const PlannedCell& planned, BenchPlace& place, const fs::path& folder) {
  on_one_batch(cell, planned, place, kFixedBatchSteps);
  const PretrainRun run = pretrained(planned, place, folder / "run");
  if (planned.key.probe == "finetune") {
    cell.scores = organs_segmented(planned, place, folder / "run", folder / "tuned");
  } else {
    cell.scores =
        organs_told(planned.key.probe, place, [&](const at::Tensor& some) { return run.method->embedding(some); });
  }
}

void measure_random(Cell& cell, const PlannedCell& planned, BenchPlace& place, const fs::path& folder) {
  if (planned.key.probe == "finetune") {
    cell.scores = organs_segmented(planned, place, "", folder / "tuned");
    return;
  }
  const PreparedStore store = open_prepared(place.folder() / "store");
  const auto encoder = first_weights(planned, {1, kBenchPatch, store.spacing_mm()});
  encoder->eval();
  cell.scores = organs_told(planned.key.probe, place, [&](const at::Tensor& some) { return encoder->embedding(some); });
}

}  // namespace

BenchPlace::~BenchPlace() {
  std::error_code ignored;
  if (!folder_.empty()) fs::remove_all(folder_, ignored);
}

const fs::path& BenchPlace::folder() {
  if (!folder_.empty()) return folder_;
  folder_ = fs::temp_directory_path() / fmt::format("gadolin-bench-methods-{}", ::getpid());
  fs::remove_all(folder_);
  make_cohort(folder_, shape_, threads_ + 1);
  return folder_;
}

const OrganPatches& BenchPlace::patches(const std::string& set) {
  const auto found = patches_.find(set);
  if (found != patches_.end()) return found->second;
  return patches_.emplace(set, organ_patches(folder(), set)).first->second;
}

Cell measure(const PlannedCell& planned, BenchPlace& place) {
  const fs::path folder = place.folder() / "cell";
  fs::remove_all(folder);
  const double start = wall_seconds();
  Cell cell;
  cell.key = planned.key;
  try {
    if (planned.key.kind == "random") measure_random(cell, planned, place, folder);
    if (planned.key.kind == "pair") on_one_batch(cell, planned, place, kPairSteps);
    if (planned.key.kind == "method") measure_method(cell, planned, place, folder);
  } catch (const Diverged& diverged) {
    cell.outcome = "diverged";
    cell.story = diverged.story;
  } catch (const core::Error& error) {
    if (error.exit() != core::Exit::kUsage) throw error.within("bench methods: " + planned.key.told());
    cell.outcome = "refused";
    cell.story = error.story();
  }
  if (!cell.done()) cell.scores.clear();
  cell.times["seconds"] = wall_seconds() - start;
  return cell;
}

}  // namespace pipelines
