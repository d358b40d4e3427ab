#pragma once
// An entry of a table by its name.

#include <span>
#include <string>
#include <vector>

#include "core/config.h"
#include "core/error.h"

namespace core {

// Throws usage Error with this story when there is none; the hint names the nearest, and behind `listed` all there are.
template <class Entry>
const Entry& entry_named(const std::string& name, std::span<const Entry* const> table, const std::string& story,
                         const std::string& listed) {
  std::vector<std::string> known;
  std::string list;
  for (const Entry* entry : table) {
    if (entry->name == name) return *entry;
    known.emplace_back(entry->name);
    list += (list.empty() ? "" : ", ") + known.back();
  }
  const std::string close = nearest(name, known);
  throw usage_error(story, (close.empty() ? "" : "did you mean " + close + "? ") + listed + list);
}

}  // namespace core
