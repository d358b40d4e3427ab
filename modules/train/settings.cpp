#include "train/settings.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/error.h"

namespace train {

void TrainerSettings::check() const {
  if (schedule != "cosine" && schedule != "poly" && schedule != "constant") {
    throw core::usage_error("schedule '" + schedule + "' is unknown", "cosine, poly or constant");
  }
  if (precision != "fp32" && precision != "bf16" && precision != "auto") {
    throw core::usage_error("precision '" + precision + "' is unknown", "fp32, bf16 or auto");
  }
  if (spike != "off" && spike != "warn" && spike != "rewind") {
    throw core::usage_error("spike '" + spike + "' is unknown", "off, warn or rewind");
  }
  if (steps < 1 || log_every < 1 || keep < 1 || checkpoint_every < 0) {
    throw core::usage_error("steps, log_every and keep must be 1 or more");
  }
}

double learning_rate(const TrainerSettings& settings, std::int64_t step) {
  if (step < settings.warmup_steps) {
    return settings.learning_rate * static_cast<double>(step + 1) / static_cast<double>(settings.warmup_steps);
  }
  const auto rest = static_cast<double>(std::max<std::int64_t>(1, settings.steps - settings.warmup_steps));
  const double done = std::clamp(static_cast<double>(step - settings.warmup_steps) / rest, 0.0, 1.0);
  const double span = settings.learning_rate - settings.final_learning_rate;
  if (settings.schedule == "cosine") {
    return settings.final_learning_rate + span * 0.5 * (1 + std::cos(std::numbers::pi * done));
  }
  if (settings.schedule == "poly") return settings.final_learning_rate + span * std::pow(1 - done, 0.9);
  return settings.learning_rate;
}

}  // namespace train
