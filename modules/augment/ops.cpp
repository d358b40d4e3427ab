#include "augment/ops.h"

#include <array>
#include <vector>

#include "core/error.h"

namespace augment {

std::span<const OpEntry> ops() {
  static const std::array table{
#define GADOLIN_LIST_OP(op) op##_entry,
      GADOLIN_AUGMENT_OPS(GADOLIN_LIST_OP)
#undef GADOLIN_LIST_OP
  };
  return table;
}

namespace {

std::size_t position_of(std::string_view name) {
  std::vector<std::string> known;
  for (const OpEntry& entry : ops()) {
    if (entry.name == name) return known.size();
    known.emplace_back(entry.name);
  }
  const std::string close = core::nearest(std::string(name), known);
  throw core::usage_error("there is no augmentation '" + std::string(name) + "'",
                          close.empty() ? "" : "did you mean " + close + "?");
}

}  // namespace

OpPointer make_op(std::string_view name, std::span<const core::Setting> given) {
  return ops()[position_of(name)].make(given);
}

const Op& op_named(std::string_view name) {
  static const std::vector<OpPointer> made = [] {
    std::vector<OpPointer> all;
    for (const OpEntry& entry : ops()) all.push_back(entry.make({}));
    return all;
  }();
  return *made[position_of(name)];
}

}  // namespace augment
