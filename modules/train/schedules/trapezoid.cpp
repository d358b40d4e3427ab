// Constant, then down: Haegele et al., "Scaling laws and compute-optimal training beyond fixed training durations",
// NeurIPS 2024. What was trained so can be gone on with from before the fall.
#include <cmath>

#include "train/schedule.h"

namespace train {
namespace {

constexpr const char* kTrapezoidReads[] = {"final_learning_rate", "cooldown", "cooldown_shape"};

double trapezoid_height(const TrainerSettings& settings, double done) {
  const double into = (done - (1 - settings.cooldown)) / settings.cooldown;
  if (into <= 0) return 1;
  return 1 - (settings.cooldown_shape == "sqrt" ? std::sqrt(into) : into);
}

}  // namespace

extern const ScheduleEntry trapezoid_schedule;
const ScheduleEntry trapezoid_schedule{"trapezoid", "constant, then down over the last share of the steps",
                                       kTrapezoidReads, trapezoid_height};

}  // namespace train
