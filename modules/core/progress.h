#pragma once
// How far a long command is: a bar with rate and time left on a terminal, one plain line a minute elsewhere.

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

namespace core {

// "1:02:03", "4:05", "12 s".
std::string duration_text(double seconds);

// Writes to stderr. Safe to advance from many threads. The total may be unknown (0).
class Progress {
 public:
  enum class Style { kAuto, kBar, kLines, kSilent };

  // `begun` of the total were done before: they count, but not for the rate.
  Progress(std::string what, std::string unit, std::int64_t total, Style style = Style::kAuto, std::int64_t begun = 0);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `done` steps more; `note` is shown behind the rate ("loss 1.23").
  void advance(std::int64_t done = 1, const std::string& note = "");
  // The line as it would be shown now, `seconds` after the start: "pretrain 40/100 steps, 8.0 steps/s, 8 s left,
  // loss 1.23".
  std::string line(double seconds) const;

 private:
  using Clock = std::chrono::steady_clock;
  void show(Clock::time_point now, bool last);

  std::string what_, unit_, note_;
  std::int64_t total_, begun_, done_;
  Style style_;
  Clock::time_point start_, shown_;
  std::mutex mutex_;
};

}  // namespace core
