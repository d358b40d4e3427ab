#include "train/trainer.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <sstream>

#include "core/error.h"
#include "core/log.h"
#include "core/stop_signal.h"
#include "core/table.h"
#include "train/checkpoint_writer.h"
#include "train/event_file.h"
#include "train/generators.h"
#include "train/metrics.h"
#include "train/run_state.h"
#include "train/step.h"
#include "train/timings.h"

namespace train {
namespace {

using Clock = std::chrono::steady_clock;

// The first line in which two texts differ, to tell a person what is another.
std::string first_difference(const std::string& there, const std::string& here) {
  std::istringstream a(there), b(here);
  std::string line_a, line_b;
  while (true) {
    const bool more_a = static_cast<bool>(std::getline(a, line_a)), more_b = static_cast<bool>(std::getline(b, line_b));
    if (!more_a && !more_b) return "";
    if (!more_a) line_a = "nothing";
    if (!more_b) line_b = "nothing";
    if (line_a != line_b) return "there '" + line_a + "', here '" + line_b + "'";
  }
}

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
        timings_(device),
        updates_(learner, state_, settings, device, comm, timings_),
        checkpoints_(folder.folder, settings.keep) {}

  FitResult go();

 private:
  void begin_or_go_on();
  void refuse_unlike_ranks(std::int64_t step);
  void set_aside_damaged(const std::filesystem::path& sound) const;
  void begin_epoch(const Moment& moment);
  data::Batch next_batch();
  void one_step(const data::Batch& batch, const Moment& moment);
  void left_out(const data::Batch& batch, const std::string& fault);
  void write_rows(const data::Batch& batch);
  void look(Watcher& watcher, const data::Batch& batch, std::map<std::string, double>& row);
  void write_times();
  bool row_is_due() const { return state_.step % settings_.log_every == 0 || state_.step == settings_.steps; }
  bool enough() const;
  std::string progress_note() const;
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
  Timings timings_;
  Step updates_;
  Clock::time_point start_ = Clock::now();
  core::StopSignal stop_;
  std::optional<MetricsFile> metrics_, times_;  // rank 0's
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

// Every rank compares itself with rank 0; one that differs tells in what, and all end.
void Run::refuse_unlike_ranks(std::int64_t step) {
  if (comm_.size() == 1) return;
  std::string own = "begins after step " + std::to_string(step);
  for (const char* const key : {"config", "data", "architecture"}) {
    if (const auto fact = folder_.facts.find(key); fact != folder_.facts.end()) own += "\n" + fact->second;
  }
  at::Tensor length = at::full({1}, static_cast<std::int64_t>(own.size()), at::kLong).to(device_);
  comm_.broadcast(length, 0);
  at::Tensor bytes = at::zeros({length.item<std::int64_t>()}, at::kByte);
  if (writes()) std::memcpy(bytes.mutable_data_ptr(), own.data(), own.size());
  bytes = bytes.to(device_);
  comm_.broadcast(bytes, 0);
  bytes = bytes.cpu();
  const std::string first(static_cast<const char*>(bytes.const_data_ptr()), static_cast<std::size_t>(bytes.numel()));
  const char* const hint = "all ranks need the same settings, store and run folder";
  at::Tensor unlike = at::full({1}, first == own ? 0 : 1, at::kLong).to(device_);
  comm_.all_reduce_sum(unlike);
  if (first != own) throw core::usage_error("this rank is not like rank 0: " + first_difference(first, own), hint);
  if (unlike.item<std::int64_t>() > 0)
    throw core::usage_error("another rank is not like rank 0, and says in what", hint);
}

void Run::begin_or_go_on() {
  const auto found = newest_checkpoint(folder_.folder);
  comm_.barrier();  // nobody renames or sweeps while another rank still looks
  refuse_unlike_ranks(found ? found->second.step : 0);
  if (found) {
    refuse_another_run(found->second, folder_.facts);
    state_.put_back(found->second);
    for (Watcher* const watcher : watchers_) watcher->load(found->second.watch);
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
  times_.emplace(folder_.folder / "timings.csv", state_.step);
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

data::Batch Run::next_batch() {
  const Timings::Mark mark = timings_.mark(Part::kLoad);
  return source_.next().to(device_);
}

void Run::one_step(const data::Batch& batch, const Moment& moment) {
  const Step::Outcome outcome = updates_.run(batch, moment);
  if (!outcome.fault.empty()) {
    left_out(batch, outcome.fault);
  } else {
    skips_ = 0;
    for (const auto& [name, value] : outcome.seen) state_.sums.add(name, value);
    state_.average.update(state_.step + 1);
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
  if (row_is_due()) {
    row = state_.sums.take(comm_);
    if (row.contains("loss")) result_.loss = row["loss"];
    row["learning_rate"] = learning_rate(settings_, state_.step - 1);
  }
  for (Watcher* const watcher : watchers_) {
    if (!last && state_.step % std::max<std::int64_t>(1, watcher->every_steps()) != 0) continue;
    look(*watcher, batch, row);
  }
  if (row.empty() || !writes()) return;
  for (const auto& [name, value] : row) {
    metrics_->add(state_.step, name, value);
    events_->scalar(name, state_.step, value);
  }
  metrics_->flush();
  events_->flush();
}

void Run::look(Watcher& watcher, const data::Batch& batch, std::map<std::string, double>& row) {
  const Timings::Mark mark = timings_.mark(Part::kWatch);
  const KeepGenerators keep(device_);
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
  const bool mine = stop_.asked() || (settings_.max_time_s > 0 && seconds() >= settings_.max_time_s);
  if (comm_.size() == 1) return mine;
  at::Tensor any = at::full({1}, mine ? 1.0 : 0.0, at::TensorOptions().dtype(at::kFloat).device(device_));
  comm_.all_reduce_sum(any);
  return any.item<float>() > 0;
}

void Run::begin_checkpoint_of_now() {
  const Timings::Mark mark = timings_.mark(Part::kCheckpoint);
  Checkpoint checkpoint = state_.take();
  result_.checkpoint = checkpoint_path(folder_.folder, state_.step);
  if (writes()) publish(checkpoint);
  comm_.barrier();  // however slow the disk is
}

void Run::publish(Checkpoint& checkpoint) {
  checkpoint.facts = folder_.facts;
  checkpoint.facts["precision"] = updates_.precision();
  for (const Watcher* const watcher : watchers_) watcher->save(checkpoint.watch);
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
  timings_.begin(source_.worked_s());
  while (state_.step < settings_.steps && !enough()) {
    const auto position = static_cast<std::int64_t>(source_.position());
    const Moment moment{state_.step, settings_.steps, position / source_.epoch_size()};
    begin_epoch(moment);
    const data::Batch batch = next_batch();
    one_step(batch, moment);
    checkpoints_.check();
    write_rows(batch);
    progress.advance(1, progress_note());
    const bool last = state_.step == settings_.steps || enough();
    result_.interrupted = stop_asked() && !last;
    const bool due = settings_.checkpoint_every > 0 && state_.step % settings_.checkpoint_every == 0;
    if (due || result_.interrupted || last) begin_checkpoint_of_now();
    timings_.end_step(source_.worked_s());
    write_times();
    if (result_.interrupted) break;
  }
  checkpoints_.wait();
  comm_.barrier();  // the last checkpoint is there, whichever rank asks
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
  return Run(learner, source, settings, folder, device, comm, watchers).go();
}

}  // namespace train
