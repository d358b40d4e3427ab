// Half a cosine: Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017, without the
// restarts.
#include <cmath>
#include <numbers>

#include "train/schedule.h"

namespace train {
namespace {

constexpr const char* kCosineReads[] = {"final_learning_rate"};

double cosine_height(const TrainerSettings&, double done) { return 0.5 * (1 + std::cos(std::numbers::pi * done)); }

}  // namespace

extern const ScheduleEntry cosine_schedule;
const ScheduleEntry cosine_schedule{"cosine", "half a cosine", kCosineReads, cosine_height};

}  // namespace train
