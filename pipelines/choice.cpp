#include "pipelines/choice.h"

#include <algorithm>

#include "core/error.h"

namespace pipelines {

std::string chosen_name(std::span<const core::Setting> settings, const std::string& group,
                        const std::string& fallback) {
  std::string name = fallback;
  for (const core::Setting& setting : settings) {
    if (setting.key != group + ".name") continue;
    if (setting.list || setting.values.size() != 1)
      throw core::usage_error(setting.place + ": " + setting.key + " takes one name");
    name = setting.values.front();
  }
  return name;
}

std::vector<core::Setting> settings_below(std::initializer_list<std::string> groups,
                                          std::vector<core::Setting> settings) {
  std::erase_if(settings, [&](const core::Setting& setting) {
    return std::none_of(groups.begin(), groups.end(),
                        [&](const std::string& group) { return setting.key.starts_with(group + "."); });
  });
  return settings;
}

std::vector<core::Slot> choice_slots(const std::string& group, const std::string& name, const std::string& help,
                                     std::vector<core::Slot> slots) {
  std::vector<core::Slot> all{
      {group + ".name", help, "text", std::nullopt, [](const core::Setting&) {}, [name] { return name; }}};
  for (core::Slot& slot : slots) {
    slot.key = group + "." + slot.key;
    all.push_back(std::move(slot));
  }
  return all;
}

}  // namespace pipelines
