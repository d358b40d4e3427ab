#include "pipelines/class_number.h"

#include <fmt/format.h>

#include <cmath>

#include "core/error.h"

namespace pipelines {

std::int64_t class_number(const store::CaseSummary& summary, const std::string& target, const std::string& chosen) {
  const double value = summary.scalars.at(target);
  if (value >= 0 && value < 1000 && value == std::floor(value)) return static_cast<std::int64_t>(value);
  throw core::usage_error(fmt::format("case {}: its {} is {}, which is no class", summary.id, target, value),
                          "classes are counted 0, 1, 2, ...; choose another scalar " + chosen);
}

}  // namespace pipelines
