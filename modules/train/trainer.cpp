#include "train/trainer.h"

#include <ATen/ATen.h>

#include <chrono>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>

#include "core/error.h"
#include "core/log.h"
#include "core/stop_signal.h"
#include "core/table.h"
#include "train/agreement.h"
#include "runtime/generators.h"
#include "train/checkpoint_writer.h"
#include "train/event_file.h"
#include "train/metrics.h"
#include "train/precision.h"
#include "train/run_state.h"
#include "train/step.h"

namespace train {
namespace {

using Clock = std::chrono::steady_clock;

void refuse_another_run(const Checkpoint& found, const std::map<std::string, std::string>& facts) {
  for (const char* const key : {"config", "data", "architecture"}) {
    const auto there = found.facts.find(key), here = facts.find(key);
    if (there == found.facts.end() || here == facts.end() || there->second == here->second) continue;
    throw core::usage_error(std::string("the folder holds a run with another ") + key + ": " +
                                first_difference(there->second, here->second),
                            "train into another folder, or with the settings and data the run was begun with");
  }
}

class Run {
 public:
  Run(Learner& learner, data::BatchSource& source, const TrainerSettings& settings, const RunFolder& folder,
      c10::Device device, runtime::Comm& comm, std::span<Watcher* const> watchers)
      : learner_(learner),
        source_(source),
        settings_(settings),
        folder_(folder),
        device_(device),
        comm_(comm),
        watchers_(watchers),
        state_(learner, source, settings, device, comm),
        updates_(learner, state_, settings, device, comm),
        checkpoints_(folder.folder, settings.keep) {}

  FitResult go();

 private:
  void begin_or_go_on();
  void refuse_unlike_ranks(std::int64_t step);
  void set_aside_damaged(const std::filesystem::path& sound) const;
  void begin_epoch(const Moment& moment);
  void one_step(const data::Batch& batch, const Moment& moment);
  void left_out(const data::Batch& batch, const std::string& fault);
  void write_rows(const data::Batch& batch);
  bool stop_asked();
  void begin_checkpoint_of_now();
  void publish(Checkpoint& checkpoint);
  double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }
  bool writes() const { return comm_.rank() == 0; }

  Learner& learner_;
  data::BatchSource& source_;
  const TrainerSettings& settings_;
  const RunFolder& folder_;
  c10::Device device_;
  runtime::Comm& comm_;
  std::span<Watcher* const> watchers_;
  RunState state_;
  Step updates_;
  Clock::time_point start_ = Clock::now();
  core::StopSignal stop_;
  std::optional<MetricsFile> metrics_;  // rank 0's
  std::optional<EventFile> events_;
  CheckpointWriter checkpoints_;  // after metrics_, whose rows it syncs
  std::int64_t skips_ = 0;        // in a row
  FitResult result_{.loss = std::numeric_limits<double>::quiet_NaN()};
};

// What was damaged and newer than the one the run goes on with must not count among those kept.
void Run::set_aside_damaged(const std::filesystem::path& sound) const {
  for (const auto& path : checkpoints(folder_.folder)) {
    if (path == sound) return;
    std::error_code ignored;
    std::filesystem::rename(path, path.string() + ".damaged", ignored);
  }
}

void Run::refuse_unlike_ranks(std::int64_t step) {
  std::string own = "begins after step " + std::to_string(step);
  for (const char* const key : {"config", "data", "architecture"}) {
    if (const auto fact = folder_.facts.find(key); fact != folder_.facts.end()) own += "\n" + fact->second;
  }
  train::refuse_unlike_ranks(own, comm_, device_);
}

void Run::begin_or_go_on() {
  const auto found = newest_checkpoint(folder_.folder);
  comm_.barrier();  // nobody renames or sweeps while another rank still looks
  refuse_unlike_ranks(found ? found->second.step : 0);
  if (found) {
    refuse_another_run(found->second, folder_.facts);
    state_.put_back(found->second);
    const auto precision = found->second.facts.find("precision");
    if (settings_.precision == "auto" && precision != found->second.facts.end())
      updates_.set_precision(precision->second);
    result_.checkpoint = found->first;
    if (writes()) set_aside_damaged(found->first);
  } else {
    state_.begin(static_cast<std::uint64_t>(settings_.seed));
  }
  if (!writes()) return;
  const std::filesystem::path path = folder_.folder / "metrics.csv";
  metrics_.emplace(path, state_.step);
  events_.emplace(folder_.folder, found ? state_.step + 1 : 0);
  const auto columns = read_metrics(path);
  if (const auto loss = columns.find("loss"); loss != columns.end()) result_.loss = loss->second.back().second;
}

void Run::begin_epoch(const Moment& moment) {
  if (moment.epoch <= state_.epoch) return;
  state_.epoch = moment.epoch;
  if (learner_.wants_pass()) {
    learner_.before_epoch(*source_.pass(), moment);
  } else {
    learner_.before_epoch(source_, moment);
  }
}

void Run::one_step(const data::Batch& batch, const Moment& moment) {
  const Step::Outcome outcome = updates_.run(batch, moment);
  if (outcome.overflow) {
    core::log_info("step " + std::to_string(state_.step) +
                   ": the gradient is too large for fp16; the step is left out and the loss scaled by half as much");
  } else if (!outcome.fault.empty()) {
    left_out(batch, outcome.fault);
  } else {
    skips_ = 0;
    for (const auto& [name, value] : outcome.seen) state_.sums.add(name, value);
    learner_.after_update(moment);
  }
  ++state_.step;
}

void Run::left_out(const data::Batch& batch, const std::string& fault) {
  std::string cases;
  for (const std::string& id : batch.ids) cases += (cases.empty() ? "" : ", ") + id;
  const std::string story = "step " + std::to_string(state_.step) + ": " + fault + ", cases " + cases;
  if (++skips_ > settings_.max_skips) {
    const std::string before =
        skips_ > 1 ? "; the " + std::to_string(skips_ - 1) + " steps before it went the same way" : "";
    throw core::Error(story + before,
                      "look at these cases with gadolin inspect; a lower trainer.learning_rate, a longer warm-up or "
                      "trainer.precision=fp32 may help");
  }
  core::log_warn(story + "; the step is left out");
}

void Run::write_rows(const data::Batch& batch) {
  std::map<std::string, double> row;
  const bool last = state_.step == settings_.steps;
  if (last || state_.step % settings_.log_every == 0) {
    row = state_.sums.take(comm_);
    if (row.contains("loss")) result_.loss = row["loss"];
    row["learning_rate"] = learning_rate(settings_, state_.step - 1);
  }
  for (Watcher* const watcher : watchers_) {
    if (!last && state_.step % std::max<std::int64_t>(1, watcher->every_steps()) != 0) continue;
    const runtime::KeepGenerators keep(device_);
    for (const auto& [name, value] : watcher->look(learner_, batch, {state_.step, settings_.steps, state_.epoch})) {
      row[name] = value;
    }
    learner_.set_training(true);
  }
  if (row.empty() || !writes()) return;
  for (const auto& [name, value] : row) {
    metrics_->add(state_.step, name, value);
    events_->scalar(name, state_.step, value);
  }
  metrics_->flush();
  events_->flush();
}

bool Run::stop_asked() {
  const bool mine = stop_.asked() || (settings_.max_time_s > 0 && seconds() >= settings_.max_time_s);
  if (comm_.size() == 1) return mine;
  at::Tensor any = at::full({1}, mine ? 1.0 : 0.0, at::TensorOptions().dtype(at::kFloat).device(device_));
  comm_.all_reduce_sum(any);
  return any.item<float>() > 0;
}

void Run::begin_checkpoint_of_now() {
  Checkpoint checkpoint = state_.take();
  result_.checkpoint = checkpoint_path(folder_.folder, state_.step);
  if (writes()) publish(checkpoint);
  comm_.barrier();  // however slow the disk is
}

void Run::publish(Checkpoint& checkpoint) {
  checkpoint.facts = folder_.facts;
  checkpoint.facts["precision"] = updates_.precision();
  metrics_->flush();
  // No row of a step that a checkpoint has behind it may be lost: they reach the disk before it does.
  checkpoints_.write(checkpoint, [this] { metrics_->sync(); });
}

FitResult Run::go() {
  learner_.use(comm_);
  learner_.set_training(true);
  begin_or_go_on();
  core::Progress progress("train", "steps", settings_.steps,
                          writes() ? folder_.progress : core::Progress::Style::kSilent, state_.step);
  while (state_.step < settings_.steps) {
    const auto position = static_cast<std::int64_t>(source_.position());
    const Moment moment{state_.step, settings_.steps, position / source_.epoch_size()};
    begin_epoch(moment);
    const data::Batch batch = source_.next().to(device_);
    one_step(batch, moment);
    checkpoints_.check();
    write_rows(batch);
    progress.advance(1, std::isnan(result_.loss) ? "" : "loss " + core::fixed(result_.loss, 4));
    result_.interrupted = stop_asked() && state_.step < settings_.steps;
    const bool due = settings_.checkpoint_every > 0 && state_.step % settings_.checkpoint_every == 0;
    if (due || result_.interrupted || state_.step == settings_.steps) begin_checkpoint_of_now();
    if (result_.interrupted) break;
  }
  checkpoints_.wait();
  comm_.barrier();  // the last checkpoint is there, whichever rank asks
  result_.step = state_.step;
  result_.seconds = seconds();
  return result_;
}

}  // namespace

FitResult fit(Learner& learner, data::BatchSource& source, const TrainerSettings& settings, const RunFolder& folder,
              c10::Device device, runtime::Comm& comm, std::span<Watcher* const> watchers) {
  settings.check();
  use_tf32(device, settings.tf32);
  return Run(learner, source, settings, folder, device, comm, watchers).go();
}

}  // namespace train
