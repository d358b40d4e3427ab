#include "pipelines/limit_options.h"

#include <chrono>

#include "core/duration.h"

namespace pipelines {

LimitOptions::LimitOptions(CLI::App& app) {
  app.add_option(
         "--max-time", max_time_,
         "end after a checkpoint when the training took so long (23h30m, 90m, 1d2h; a plain number is seconds); "
         "the same command goes on")
      ->type_name("TIME");
  app.add_option("--steps", steps_, "end after a checkpoint and at most so many updates of this call")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 40))
      ->type_name("N");
  app.add_option("--grace", grace_s_,
                 "seconds that the step at hand is waited for when the command is to end; then it goes on from the "
                 "checkpoint before (docker stop kills after 10)")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1e9))
      ->type_name("S");
}

train::CallLimits LimitOptions::limits() const {
  train::CallLimits limits;
  limits.grace_s = grace_s_;
  if (steps_ > 0) limits.updates = steps_;
  if (!max_time_.empty()) {
    const std::chrono::duration<double> time(core::duration_seconds(max_time_));
    limits.until =
        std::chrono::steady_clock::now() + std::chrono::duration_cast<std::chrono::steady_clock::duration>(time);
  }
  return limits;
}

}  // namespace pipelines
