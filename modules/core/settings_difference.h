#pragma once
// In which settings two runs differ, whatever their files say beside the values.

#include <string>
#include <string_view>
#include <vector>

namespace core {

struct SettingDifference {
  std::string key;
  std::string first, second;  // "0.1", "[1, 2]"; empty: has no such setting
};

// Of YAML or JSON, by key. Values are compared and not their text (1.0e-3 is 0.001); comments and order do not count. A
// key that one of them lacks has its value in `defaults`, where that has one. Throws usage Error for what is no mapping
// of keys.
std::vector<SettingDifference> settings_difference(std::string_view first, std::string_view second,
                                                   std::string_view defaults = "");

}  // namespace core
