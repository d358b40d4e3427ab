#include "train/trainer.h"

#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>

#include "core/error.h"
#include "core/log.h"
#include "core/table.h"
#include "runtime/generators.h"
#include "train/agreement.h"
#include "train/another_run.h"
#include "train/best.h"
#include "train/checkpoint_writer.h"
#include "train/event_file.h"
#include "train/fault.h"
#include "train/metrics.h"
#include "train/precision.h"
#include "train/run_state.h"
#include "train/spike.h"
#include "train/step.h"
#include "train/stop.h"
#include "train/timings.h"

namespace train {
namespace {

using Clock = std::chrono::steady_clock;
constexpr double kSettle_s = 60;  // for a checkpoint that is being written when the process ends

std::string cases_of(const data::Batch& batch) { return fmt::format("{}", fmt::join(batch.ids, ", ")); }

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
        timings_(device),
        updates_(learner, state_, settings, device, comm, timings_),
        best_(settings.best_by),
        spikes_(settings),
        checkpoints_(folder.folder, settings.keep),
        stop_(folder.limits, [this] { last_words(); }) {}

  FitResult go();

 private:
  void begin_or_go_on();
  void open_files(bool goes_on);
  void refuse_unlike_ranks(std::int64_t step);
  void begin_epoch(const Moment& moment);
  data::Batch next_batch();
  double one_step(const data::Batch& batch, const Moment& moment);
  void left_out(const data::Batch& batch, const Step::Outcome& outcome);
  std::string kept_fault(const data::Batch& batch, const Step::Outcome& outcome);
  std::map<std::string, double> write_rows(const data::Batch& batch);
  bool is_better(const std::map<std::string, double>& row);
  void look(Watcher& watcher, const data::Batch& batch, std::map<std::string, double>& row);
  void write_times();
  bool row_is_due() const { return state_.step % settings_.log_every == 0 || state_.step == settings_.steps; }
  bool enough() const;
  std::string progress_note() const;
  bool stop_asked();
  bool go_back(const data::Batch& batch);
  bool is_due(std::int64_t step) const {
    return settings_.checkpoint_every > 0 && step % settings_.checkpoint_every == 0;
  }
  void begin_checkpoint_of_now(bool due, bool better);
  void publish(Checkpoint& checkpoint, CheckpointWriter::As as);
  void last_words() const;
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
  Timings timings_;
  Step updates_;
  Clock::time_point start_ = Clock::now();
  BestStep best_;
  SpikeDetector spikes_;
  std::optional<MetricsFile> metrics_, times_;  // rank 0's
  std::optional<EventFile> events_;
  CheckpointWriter checkpoints_;  // after metrics_, whose rows it syncs
  std::int64_t skips_ = 0;        // in a row
  std::int64_t warned_ = -1;      // of a spike, after so many updates
  Stop stop_;                     // whose last words are about the checkpoints
  FitResult result_{.loss = std::numeric_limits<double>::quiet_NaN()};
};

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
    refuse_another_run(found->second.facts, folder_);
    state_.put_back(found->second);
    best_.load(found->second.best);
    spikes_.load(found->second.setbacks);
    checkpoints_.set_recorded_best(found->second.best.step);
    for (Watcher* const watcher : watchers_) watcher->load(found->second.watch);
    const auto precision = found->second.facts.find("precision");
    if (settings_.precision == "auto" && precision != found->second.facts.end())
      updates_.set_precision(precision->second);
    result_.checkpoint = found->first;
    if (writes()) set_aside_damaged(folder_.folder, found->first);
  } else {
    state_.begin(static_cast<std::uint64_t>(settings_.seed));
  }
  if (writes()) open_files(found.has_value());
}

// Their rows after the step at hand go.
void Run::open_files(bool goes_on) {
  const std::filesystem::path path = folder_.folder / "metrics.csv";
  metrics_.reset();
  metrics_.emplace(path, state_.step);
  times_.emplace(folder_.folder / "timings.csv", state_.step);
  events_.emplace(folder_.folder, goes_on ? state_.step + 1 : 0);
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

data::Batch Run::next_batch() {
  const Timings::Mark mark = timings_.mark(Part::kLoad);
  return source_.next().to(device_);
}

double Run::one_step(const data::Batch& batch, const Moment& moment) {
  const Step::Outcome outcome = updates_.run(batch, moment);
  if (outcome.overflow) {
    core::log_info("step " + std::to_string(state_.step) +
                   ": the gradient is too large for fp16; the step is left out and the loss scaled by half as much");
  } else if (!outcome.fault.empty()) {
    left_out(batch, outcome);
  } else {
    skips_ = 0;
    for (const auto& [name, value] : outcome.seen) state_.sums.add(name, value);
    learner_.after_update(moment);
  }
  ++state_.step;
  ++result_.updates;
  return outcome.fault.empty() ? outcome.loss : std::numeric_limits<double>::quiet_NaN();
}

void Run::left_out(const data::Batch& batch, const Step::Outcome& outcome) {
  const std::string story = "step " + std::to_string(state_.step) + ": " + outcome.fault + ", cases " + cases_of(batch);
  if (++skips_ > settings_.max_skips) {
    const std::string before =
        skips_ > 1 ? "; the " + std::to_string(skips_ - 1) + " steps before it went the same way" : "";
    throw core::Error(story + before + kept_fault(batch, outcome),
                      "look at what was kept and at these cases with gadolin inspect; a lower trainer.learning_rate, a "
                      "longer warm-up or trainer.precision=fp32 may help");
  }
  core::log_warn(story + "; the step is left out");
}

// What is told of it: no full disk hides why the run ends.
std::string Run::kept_fault(const data::Batch& batch, const Step::Outcome& outcome) {
  try {
    checkpoints_.wait();
    const auto before = checkpoints(folder_.folder);
    const Fault fault{state_.step,   state_.epoch, skips_,
                      outcome.fault, outcome.seen, before.empty() ? "" : before.front()};
    return "; batch and gradients are kept in " +
           write_fault(folder_.folder, folder_.facts, fault, batch, state_.phases, comm_.rank(), comm_.size()).string();
  } catch (const core::Error& error) {
    return "; its batch could not be kept: " + error.story();
  }
}

std::map<std::string, double> Run::write_rows(const data::Batch& batch) {
  std::map<std::string, double> row;
  const bool last = state_.step == settings_.steps;
  if (row_is_due()) {
    row = state_.sums.take(comm_);
    if (row.contains("loss")) result_.loss = row["loss"];
    row["learning_rate"] = learning_rate(settings_, state_.step - 1);
    if (spikes_.spikes > 0) row["spikes"] = static_cast<double>(spikes_.spikes);
    if (spikes_.rewinds > 0) row["rewinds"] = static_cast<double>(spikes_.rewinds);
  }
  for (Watcher* const watcher : watchers_) {
    if (!last && state_.step % std::max<std::int64_t>(1, watcher->every_steps()) != 0) continue;
    look(*watcher, batch, row);
  }
  if (row.empty() || !writes()) return row;
  for (const auto& [name, value] : row) {
    metrics_->add(state_.step, name, value);
    events_->scalar(name, state_.step, value);
  }
  metrics_->flush();
  events_->flush();
  return row;
}

// What watchers saw is rank 0's, so rank 0 says it.
bool Run::is_better(const std::map<std::string, double>& row) {
  if (!best_.wanted() || row.empty()) return false;
  if (comm_.size() == 1) return best_.better(state_.step, row);
  at::Tensor said = at::full({1}, writes() && best_.better(state_.step, row) ? 1 : 0, at::kLong).to(device_);
  comm_.broadcast(said, 0);
  return said.item<std::int64_t>() > 0;
}

void Run::look(Watcher& watcher, const data::Batch& batch, std::map<std::string, double>& row) {
  const Timings::Mark mark = timings_.mark(Part::kWatch);
  const runtime::KeepGenerators keep(device_);
  for (const auto& [name, value] : watcher.look(learner_, batch, {state_.step, settings_.steps, state_.epoch}))
    row[name] = value;
  learner_.set_training(true);
  if (!writes()) return;
  for (const WatchedPicture& picture : watcher.pictures())
    events_->picture(picture.name, state_.step, picture.width, picture.height, picture.png);
}

// After the step's checkpoint, whose time belongs to the row.
void Run::write_times() {
  if (!row_is_due()) return;
  const auto row = timings_.take();
  if (!writes()) return;
  for (const auto& [name, value] : row) {
    times_->add(state_.step, name, value);
    events_->scalar(name, state_.step, value);
  }
  times_->flush();
  events_->flush();
}

bool Run::enough() const {
  return std::any_of(watchers_.begin(), watchers_.end(), [](const Watcher* each) { return each->enough(); });
}

std::string Run::progress_note() const {
  constexpr double kWorthATell = 0.05;
  std::string note = std::isnan(result_.loss) ? "" : "loss " + core::fixed(result_.loss, 4);
  if (timings_.data_share() > kWorthATell)
    note += (note.empty() ? "" : ", ") + ("waiting for data " + core::fixed(100 * timings_.data_share(), 0) + " %");
  return note;
}

bool Run::stop_asked() {
  const bool mine = stop_.asked(result_.updates);
  if (comm_.size() == 1) return mine;
  at::Tensor any = at::full({1}, mine ? 1.0 : 0.0, at::TensorOptions().dtype(at::kFloat).device(device_));
  comm_.all_reduce_sum(any);
  return any.item<float>() > 0;
}

// After a spike at the step just done. True when the run stands at its last checkpoint again, with the batches that
// came since then behind it.
bool Run::go_back(const data::Batch& batch) {
  const std::string story = "step " + std::to_string(state_.step - 1) +
                            ": the loss rose far above those before it: " + spikes_.story() + ", cases " +
                            cases_of(batch);
  const bool may = settings_.spike == "rewind" && spikes_.rewinds < settings_.max_rewinds;
  if (may && writes()) checkpoints_.wait();
  if (may) comm_.barrier();
  // Not one that an interruption wrote: with or without it the run goes on alike.
  const auto found =
      may ? newest_checkpoint(folder_.folder, [this](std::int64_t step) { return is_due(step); }) : std::nullopt;
  if (!found) {
    if (state_.step > warned_ + 1) core::log_warn(story);  // one line a spike, however long
    warned_ = state_.step;
    return false;
  }
  core::log_warn(story + "; the run goes back to step " + std::to_string(found->second.step) +
                 " and on with other cases");
  const std::uint64_t position = source_.position();
  const std::int64_t rewinds = spikes_.rewinds + 1;
  state_.put_back(found->second);
  for (Watcher* const watcher : watchers_) watcher->load(found->second.watch);
  best_.load(found->second.best);
  spikes_.load(found->second.setbacks);
  spikes_.rewinds = rewinds;
  source_.seek(position);
  learner_.set_training(true);
  skips_ = 0;
  if (writes()) open_files(true);
  comm_.barrier();  // all have read the checkpoint before another is written
  return true;
}

void Run::begin_checkpoint_of_now(bool due, bool better) {
  const Timings::Mark mark = timings_.mark(Part::kCheckpoint);
  Checkpoint checkpoint = state_.take();
  checkpoint.best = best_.so_far();
  checkpoint.setbacks = spikes_.state();
  if (due) result_.checkpoint = checkpoint_path(folder_.folder, state_.step);
  using As = CheckpointWriter::As;
  if (writes()) publish(checkpoint, due && better ? As::kBoth : due ? As::kLast : As::kBest);
  comm_.barrier();  // however slow the disk is
}

// Called while a step is at hand that has taken too long.
void Run::last_words() const {
  checkpoints_.settle(kSettle_s);
  const auto found = checkpoints(folder_.folder);
  core::log_warn("the step at hand takes longer than the grace of " +
                 core::shortest(folder_.limits.grace_s.value_or(0)) + " s and is given up; " +
                 (found.empty()
                      ? "there is no checkpoint yet: the same command begins anew"
                      : "the same command goes on after step " + std::to_string(checkpoint_step(found.front()))));
}

void Run::publish(Checkpoint& checkpoint, CheckpointWriter::As as) {
  checkpoint.facts = folder_.facts;
  checkpoint.facts["precision"] = updates_.precision();
  for (const Watcher* const watcher : watchers_) watcher->save(checkpoint.watch);
  metrics_->flush();
  // No row of a step that a checkpoint has behind it may be lost: they reach the disk before it does.
  checkpoints_.write(
      checkpoint, [this] { metrics_->sync(); }, as);
}

FitResult Run::go() {
  learner_.use(comm_);
  learner_.set_training(true);
  begin_or_go_on();
  core::Progress progress("train", "steps", settings_.steps,
                          writes() ? folder_.progress : core::Progress::Style::kSilent, state_.step);
  timings_.begin(source_.worked_s());
  result_.interrupted = folder_.limits.updates == 0 && state_.step < settings_.steps;
  while (state_.step < settings_.steps && !result_.interrupted && !enough()) {
    const auto position = static_cast<std::int64_t>(source_.position());
    const Moment moment{state_.step, settings_.steps, position / source_.epoch_size()};
    begin_epoch(moment);
    const data::Batch batch = next_batch();
    const double loss = one_step(batch, moment);
    checkpoints_.check();
    const bool went_back = spikes_.judge(loss) && go_back(batch);
    const bool better = !went_back && is_better(write_rows(batch));
    progress.advance(state_.step - moment.step, progress_note());
    const bool last = state_.step == settings_.steps || enough();
    result_.interrupted = stop_asked() && !last;
    const bool over = result_.interrupted || last;
    if (over) stop_.steps_are_over();
    const bool due = !went_back && is_due(state_.step);
    if (due || over || better) begin_checkpoint_of_now(due || over, better);
    timings_.end_step(source_.worked_s());
    write_times();
  }
  checkpoints_.wait();
  comm_.barrier();  // the last checkpoint is there, whichever rank asks
  if (writes() && !result_.interrupted && best_.wanted() && best_.so_far().step < 0)
    core::log_warn("trainer.best_by is " + settings_.best_by + ", and no row of metrics.csv had such a number");
  result_.step = state_.step;
  result_.enough = state_.step < settings_.steps && !result_.interrupted;
  result_.time_told = timings_.told();
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
