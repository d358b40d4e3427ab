#pragma once
// Whether a call of a training is to end, by a signal or its limits.

#include <cstdint>
#include <functional>
#include <optional>

#include "core/grace.h"
#include "core/stop_signal.h"
#include "train/limits.h"

namespace train {

class Stop {
 public:
  // `last_words`: called on another thread when the step at hand has had its grace, before the process ends.
  Stop(const CallLimits& limits, std::function<void()> last_words);

  // After so many updates of this call.
  bool asked(std::int64_t updates) const;
  // No step is at hand any more: what comes now has as long as it takes.
  void steps_are_over() { grace_.reset(); }

 private:
  bool asked_to_hurry() const;

  CallLimits limits_;
  core::StopSignal signal_;
  std::optional<core::Grace> grace_;
};

}  // namespace train
