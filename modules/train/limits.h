#pragma once
// When one call of a training is to end though its run is not done. No settings of the run: each call may have others.

#include <chrono>
#include <cstdint>
#include <optional>

namespace train {

struct CallLimits {
  std::optional<std::chrono::steady_clock::time_point> until;  // nothing: no limit
  std::optional<std::int64_t> updates;                         // at most so many
  // After a signal or `until` the step at hand is waited for so long, then the process ends with exit code 5 and the
  // last published checkpoint. Nothing: as long as it takes.
  std::optional<double> grace_s;
};

}  // namespace train
