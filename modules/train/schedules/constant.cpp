// No fall at all.
#include "train/schedule.h"

namespace train {
namespace {

double constant_height(const TrainerSettings&, double) { return 1; }

}  // namespace

extern const ScheduleEntry constant_schedule;
const ScheduleEntry constant_schedule{"constant", "the highest learning rate to the end", {}, constant_height};

}  // namespace train
