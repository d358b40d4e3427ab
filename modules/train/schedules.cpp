// The table of schedules: one X each.
#include <algorithm>

#include "core/named_entry.h"
#include "train/schedule.h"

#define GADOLIN_SCHEDULES(X) X(cosine) X(poly) X(constant) X(trapezoid)

namespace train {

#define X(name) extern const ScheduleEntry name##_schedule;
GADOLIN_SCHEDULES(X)
#undef X

std::span<const ScheduleEntry* const> schedules() {
#define X(name) &name##_schedule,
  static const ScheduleEntry* const kAll[] = {GADOLIN_SCHEDULES(X)};
#undef X
  return kAll;
}

const ScheduleEntry& schedule_named(const std::string& name) {
  return core::entry_named(name, schedules(), "schedule '" + name + "' is unknown", "there are ");
}

double learning_rate(const TrainerSettings& settings, std::int64_t step) {
  if (step < settings.warmup_steps)
    return settings.learning_rate * static_cast<double>(step + 1) / static_cast<double>(settings.warmup_steps);
  const auto rest = static_cast<double>(std::max<std::int64_t>(1, settings.steps - settings.warmup_steps));
  const double done = std::clamp(static_cast<double>(step - settings.warmup_steps) / rest, 0.0, 1.0);
  const double height = schedule_named(settings.schedule).height(settings, done);
  return settings.final_learning_rate + (settings.learning_rate - settings.final_learning_rate) * height;
}

}  // namespace train
