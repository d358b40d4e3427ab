#include "core/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace core {

std::string duration_text(double seconds) {
  const auto whole = static_cast<std::int64_t>(seconds + 0.5);
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

Progress::Progress(std::string what, std::string unit, std::int64_t total, Style style, std::int64_t begun)
    : what_(std::move(what)),
      unit_(std::move(unit)),
      total_(total),
      begun_(begun),
      done_(begun),
      style_(style != Style::kAuto     ? style
             : ::isatty(STDERR_FILENO) ? Style::kBar
                                       : Style::kLines),
      start_(Clock::now()),
      shown_(start_) {}

Progress::~Progress() {
  const std::scoped_lock lock(mutex_);
  if (done_ > begun_) show(Clock::now(), true);
}

void Progress::advance(std::int64_t done, const std::string& note) {
  const std::scoped_lock lock(mutex_);
  done_ += done;
  note_ = note;
  const auto now = Clock::now();
  const auto pause = style_ == Style::kBar ? std::chrono::milliseconds(100) : std::chrono::milliseconds(60'000);
  if (now - shown_ >= pause) show(now, false);
}

std::string Progress::line(double seconds) const {
  std::string text = total_ > 0 ? fmt::format("{} {}/{} {}", what_, done_, total_, unit_)
                                : fmt::format("{} {} {}", what_, done_, unit_);
  if (seconds > 0 && done_ > begun_) {
    const double rate = static_cast<double>(done_ - begun_) / seconds;
    text += rate >= 1 ? fmt::format(", {:.1f} {}/s", rate, unit_) : fmt::format(", {:.1f} s each", 1 / rate);
    if (total_ > done_) text += ", " + duration_text(static_cast<double>(total_ - done_) / rate) + " left";
  }
  return note_.empty() ? text : text + ", " + note_;
}

void Progress::show(Clock::time_point now, bool last) {
  if (style_ == Style::kSilent) return;
  shown_ = now;
  const std::string text = line(std::chrono::duration<double>(now - start_).count());
  if (style_ == Style::kBar) {
    std::fprintf(stderr, "\r\x1b[K%s%s", text.c_str(), last ? "\n" : "");
  } else {
    std::fprintf(stderr, "%s\n", text.c_str());
  }
  std::fflush(stderr);
}

}  // namespace core
