#pragma once
// How long one call of a command that trains may take: options, and no settings of the run.

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "train/limits.h"

namespace pipelines {

// --max-time, --steps and --grace. Made while the command's options are declared.
class LimitOptions {
 public:
  explicit LimitOptions(CLI::App& app);
  // The time counts from this call. Throws usage Error for a time that is none.
  train::CallLimits limits() const;

 private:
  std::string max_time_;
  std::int64_t steps_ = 0;
  double grace_s_ = 8;
};

}  // namespace pipelines
