#pragma once
// Which of a list's parts a parameter belongs to, by its name.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace models {

// 3 of "stages.3.blocks.0.weight" with list "stages."; nothing where the name does not begin with the list.
inline std::optional<std::int64_t> part_number(const std::string& parameter, std::string_view list) {
  if (!parameter.starts_with(list)) return std::nullopt;
  return std::stoll(parameter.substr(list.size()));
}

}  // namespace models
