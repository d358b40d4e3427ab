#pragma once
// An entry of a table by its name.

#include <span>
#include <string>
#include <vector>

#include "core/config.h"
#include "core/error.h"

namespace train {

// Throws usage Error "<what> 'cosin' is unknown" that names the nearest and all there are.
template <class Entry>
const Entry& entry_named(const std::string& name, const std::string& what, std::span<const Entry* const> table) {
  std::vector<std::string> known;
  std::string list;
  for (const Entry* entry : table) {
    if (entry->name == name) return *entry;
    known.emplace_back(entry->name);
    list += (list.empty() ? "" : ", ") + known.back();
  }
  const std::string close = core::nearest(name, known);
  throw core::usage_error(what + " '" + name + "' is unknown",
                          (close.empty() ? "" : "did you mean " + close + "? ") + ("there are " + list));
}

}  // namespace train
