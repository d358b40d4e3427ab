#pragma once
// Settings that a published size of a network decides.

#include <span>
#include <string>
#include <string_view>

#include "core/error.h"

namespace models {

// The entry of `sizes` (each with a `name`) that is called so. Throws usage Error for a size that there is not, and,
// when `untouched` is false, because a setting that the size decides was given as well: `decides` names these.
template <class Size>
const Size& size_named(const std::string& encoder, const std::string& name, std::span<const Size> sizes, bool untouched,
                       std::string_view decides) {
  std::string known;
  for (const Size& size : sizes) {
    known += (known.empty() ? "" : ", ") + std::string(size.name);
    if (size.name != name) continue;
    if (untouched) return size;
    throw core::usage_error(encoder + ": size " + name + " decides " + std::string(decides),
                            "leave these away, or leave encoder.size away and say each");
  }
  throw core::usage_error(encoder + " has no size '" + name + "'", "sizes: " + known);
}

}  // namespace models
