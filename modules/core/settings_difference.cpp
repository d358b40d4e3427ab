#include "core/settings_difference.h"

#include <charconv>
#include <map>
#include <set>

#include "core/config.h"

namespace core {
namespace {

using Values = std::map<std::string, Setting>;

Values values_of(std::string_view yaml, const std::string& name) {
  Values values;
  for (Setting& setting : settings_from_yaml(yaml, name)) values[setting.key] = std::move(setting);
  return values;
}

const Setting* find(const Values& values, const Values& defaults, const std::string& key) {
  for (const Values* const each : {&values, &defaults}) {
    if (const auto at = each->find(key); at != each->end()) return &at->second;
  }
  return nullptr;
}

bool same(const std::string& a, const std::string& b) {
  if (a == b) return true;
  double x = 0, y = 0;
  const auto number = [](const std::string& text, double& value) {
    return !text.empty() &&
           std::from_chars(text.data(), text.data() + text.size(), value).ptr == text.data() + text.size();
  };
  return number(a, x) && number(b, y) && x == y;
}

bool same(const Setting& a, const Setting& b) {
  if (a.list != b.list || a.values.size() != b.values.size()) return false;
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    if (!same(a.values[i], b.values[i])) return false;
  }
  return true;
}

std::string text_of(const Setting* setting) {
  if (setting == nullptr) return "";
  std::string text;
  for (const std::string& value : setting->values) text += (text.empty() ? "" : ", ") + value;
  if (setting->list) return "[" + text + "]";
  return text.empty() ? "''" : text;
}

}  // namespace

std::vector<SettingDifference> settings_difference(std::string_view first, std::string_view second,
                                                   std::string_view defaults) {
  const Values a = values_of(first, "first"), b = values_of(second, "second"), usual = values_of(defaults, "defaults");
  std::set<std::string> keys;
  for (const Values* const each : {&a, &b}) {
    for (const auto& [key, value] : *each) keys.insert(key);
  }
  std::vector<SettingDifference> differences;
  for (const std::string& key : keys) {
    const Setting *x = find(a, usual, key), *y = find(b, usual, key);
    if (x != nullptr && y != nullptr && same(*x, *y)) continue;
    differences.push_back({key, text_of(x), text_of(y)});
  }
  return differences;
}

}  // namespace core
