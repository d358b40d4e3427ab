#pragma once
// How the learning rate falls after the warm-up. To add a schedule: schedules/<name>.cpp with one exported entry, one X
// in schedules.cpp; tests/train/schedule_test.cpp then asks it what it asks every schedule.

#include <span>
#include <string>
#include <string_view>

#include "train/settings.h"

namespace train {

struct ScheduleEntry {
  std::string_view name;
  std::string_view help;
  std::span<const char* const> reads;  // keys of TrainerSettings that not every schedule reads
  // At a share `done` (0 .. 1) of the steps after the warm-up: 1 is the highest learning rate, 0 the final one.
  double (*height)(const TrainerSettings& settings, double done);
};

std::span<const ScheduleEntry* const> schedules();
// Throws usage Error for an unknown name, naming the nearest.
const ScheduleEntry& schedule_named(const std::string& name);

}  // namespace train
