#include "train/timings.h"

#include <c10/core/impl/VirtualGuardImpl.h>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace train {
namespace {

constexpr std::array<const char*, kParts> kNames{"load",      "forward", "backward",  "comm",
                                                 "optimiser", "watch",   "checkpoint"};
constexpr std::array<const char*, kParts> kWords{"waiting for data", "forward",  "backward",   "other ranks",
                                                 "optimiser",        "watching", "checkpoints"};

double seconds_between(std::chrono::steady_clock::time_point from, std::chrono::steady_clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

Timings::Mark::Mark(Timings& timings, Part part) : timings_(timings), part_(part) { timings_.begin_mark(part); }
Timings::Mark::~Mark() {
  try {
    timings_.end_mark(part_);
  } catch (...) {  // NOLINT: a device that failed is told by what failed, not by its clock
  }
}

bool Timings::on_device(Part part) const {
  return !device_.is_cpu() &&
         (part == Part::kForward || part == Part::kBackward || part == Part::kComm || part == Part::kOptimiser);
}

c10::Event Timings::recorded() {
  if (spare_.empty()) spare_.emplace_back(device_.type(), c10::EventFlag::BACKEND_DEFAULT);  // the flag that has times
  c10::Event event = std::move(spare_.back());
  spare_.pop_back();
  event.record(c10::impl::VirtualGuardImpl(device_.type()).getStream(device_));
  return event;
}

void Timings::begin_mark(Part part) {
  if (on_device(part)) {
    pending_.push_back({part, recorded(), c10::Event(device_.type())});
  } else {
    mark_ = Clock::now();
  }
}

void Timings::end_mark(Part part) {
  if (on_device(part)) {
    pending_.back().end = recorded();
  } else {
    row_s_[static_cast<std::size_t>(part)] += seconds_between(mark_, Clock::now());
  }
}

void Timings::collect() {
  while (!pending_.empty() && pending_.front().end.query()) {
    OnDevice done = std::move(pending_.front());
    pending_.pop_front();
    row_s_[static_cast<std::size_t>(done.part)] += 1e-3 * done.begin.elapsedTime(done.end);
    spare_.push_back(std::move(done.begin));
    spare_.push_back(std::move(done.end));
  }
}

void Timings::begin(double worked_s) {
  step_ = Clock::now();
  worked_before_s_ = worked_s;
}

void Timings::end_step(double worked_s) {
  const Clock::time_point now = Clock::now();
  row_step_s_ += seconds_between(step_, now);
  row_worked_s_ += worked_s - worked_before_s_;
  step_ = now;
  worked_before_s_ = worked_s;
  ++row_steps_;
  collect();
}

std::map<std::string, double> Timings::take() {
  std::map<std::string, double> row;
  if (row_steps_ == 0) return row;
  const auto steps = static_cast<double>(row_steps_);
  for (std::size_t p = 0; p < kParts; ++p) {
    row[std::string("time/") + kNames[p] + "_s"] = row_s_[p] / steps;
    total_s_[p] += row_s_[p];
  }
  const double parts = std::accumulate(row_s_.begin(), row_s_.end(), 0.0);
  data_share_ = row_step_s_ > 0 ? row_s_[static_cast<std::size_t>(Part::kLoad)] / row_step_s_ : 0;
  row["time/other_s"] = std::max(0.0, row_step_s_ - parts) / steps;
  row["time/step_s"] = row_step_s_ / steps;
  row["time/augment_s"] = row_worked_s_ / steps;
  row["time/data_share"] = data_share_;
  total_step_s_ += row_step_s_;
  row_s_.fill(0);
  row_step_s_ = row_worked_s_ = 0;
  row_steps_ = 0;
  return row;
}

std::string Timings::told() const {
  std::array<double, kParts> spent = total_s_;
  for (std::size_t p = 0; p < kParts; ++p) spent[p] += row_s_[p];
  const double all = total_step_s_ + row_step_s_;
  std::array<std::size_t, kParts> order{};
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return spent[a] > spent[b]; });
  std::string text;
  for (const std::size_t p : order) {
    const double percent = all > 0 ? 100 * spent[p] / all : 0;
    if (percent >= 1) text += fmt::format("{}{} {:.0f} %", text.empty() ? "" : ", ", kWords[p], percent);
  }
  return text;
}

}  // namespace train
