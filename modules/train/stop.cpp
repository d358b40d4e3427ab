#include "train/stop.h"

#include <chrono>
#include <utility>

namespace train {

Stop::Stop(const CallLimits& limits, std::function<void()> last_words) : limits_(limits) {
  if (limits_.grace_s) grace_.emplace([this] { return asked_to_hurry(); }, *limits_.grace_s, std::move(last_words));
}

bool Stop::asked_to_hurry() const {
  return signal_.asked() || (limits_.until && std::chrono::steady_clock::now() >= *limits_.until);
}

bool Stop::asked(std::int64_t updates) const {
  return asked_to_hurry() || (limits_.updates && updates >= *limits_.updates);
}

}  // namespace train
