#include "train/settings.h"

#include <algorithm>
#include <map>
#include <vector>

#include "core/error.h"
#include "train/optimiser.h"
#include "train/schedule.h"

namespace train {
namespace {

std::string values_of(TrainerSettings settings, const std::string& key) {
  for (const core::Slot& slot : core::slots_of(settings)) {
    if (slot.key == key) return slot.yaml();
  }
  throw core::Error("there is no trainer." + key);
}

// Whoever changes a setting wants it to do something: of those that only some entries of the table read, it must be one
// of the chosen entry's.
template <class Entry>
void refuse_unread(const TrainerSettings& settings, const std::string& what, const Entry& chosen,
                   std::span<const Entry* const> table) {
  std::map<std::string, std::string> readers;
  for (const Entry* entry : table) {
    for (const std::string key : entry->reads) {
      std::string& names = readers[key];
      names += (names.empty() ? "" : ", ") + std::string(entry->name);
    }
  }
  for (const char* const key : chosen.reads) readers.erase(key);
  for (const auto& [key, names] : readers) {
    if (values_of(settings, key) == values_of({}, key)) continue;
    throw core::usage_error("trainer." + key + " means nothing to trainer." + what + "=" + std::string(chosen.name),
                            "leave it out; it is a setting of " + names);
  }
}

}  // namespace

void TrainerSettings::check() const {
  refuse_unread(*this, "schedule", schedule_named(schedule), schedules());
  refuse_unread(*this, "optimiser", optimiser_named(optimiser), optimisers());
  if (cooldown_shape != "linear" && cooldown_shape != "sqrt")
    throw core::usage_error("cooldown_shape '" + cooldown_shape + "' is unknown", "linear or sqrt");
  if (nesterov && momentum == 0)
    throw core::usage_error("trainer.nesterov looks ahead along a momentum that is 0",
                            "set trainer.momentum, or leave trainer.nesterov out");
  if (precision != "fp32" && precision != "bf16" && precision != "fp16" && precision != "auto") {
    throw core::usage_error("precision '" + precision + "' is unknown", "fp32, bf16, fp16 or auto");
  }
  if (spike != "off" && spike != "warn" && spike != "rewind") {
    throw core::usage_error("spike '" + spike + "' is unknown", "off, warn or rewind");
  }
  if (recompute != "none" && recompute != "stages") {
    throw core::usage_error("recompute '" + recompute + "' is unknown", "none or stages");
  }
  if (steps < 1 || log_every < 1 || keep < 1 || accumulate < 1 || checkpoint_every < 0) {
    throw core::usage_error("steps, log_every, keep and accumulate must be 1 or more");
  }
}

}  // namespace train
