#pragma once
// Extents as a person reads them.

#include <string>

#include "models/encoder.h"

namespace models {

// "32 x 48 x 32", along {d, h, w}.
inline std::string to_text(const Extent& extent) {
  return std::to_string(extent[0]) + " x " + std::to_string(extent[1]) + " x " + std::to_string(extent[2]);
}

}  // namespace models
