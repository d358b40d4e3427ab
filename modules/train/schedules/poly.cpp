// A straight line, bent a little: Chen et al., "DeepLab", TPAMI 40, 2018; the power is nnU-Net's.
#include <cmath>

#include "train/schedule.h"

namespace train {
namespace {

constexpr const char* kPolyReads[] = {"final_learning_rate"};

double poly_height(const TrainerSettings&, double done) { return std::pow(1 - done, 0.9); }

}  // namespace

extern const ScheduleEntry poly_schedule;
const ScheduleEntry poly_schedule{"poly", "almost a straight line: (1 - done) to the power 0.9", kPolyReads,
                                  poly_height};

}  // namespace train
