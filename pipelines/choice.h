#pragma once
// A setting that decides which other settings there are: "encoder.name: resenc" brings the keys of resenc below
// "encoder.". The name is looked up first, then all keys are bound and set as usual.

#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "core/config.h"

namespace pipelines {

// The last "GROUP.name" among the settings, else `fallback`. Throws usage Error when it is a list.
std::string chosen_name(std::span<const core::Setting> settings, const std::string& group, const std::string& fallback);

// Those whose key lies below one of the groups.
std::vector<core::Setting> settings_below(std::initializer_list<std::string> groups,
                                          std::vector<core::Setting> settings);

// "GROUP.name", fixed by now, and behind it every slot with "GROUP." before its key.
std::vector<core::Slot> choice_slots(const std::string& group, const std::string& name, const std::string& help,
                                     std::vector<core::Slot> slots);

}  // namespace pipelines
