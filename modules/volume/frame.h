#pragma once
// What is known of a case before its voxels are read: enough to decide where a view shall lie.

#include <array>
#include <cstdint>
#include <vector>

#include "volume/geometry.h"

namespace volume {

using Voxel = std::array<std::int64_t, 3>;  // {d, h, w}

struct Frame {
  std::int64_t channels = 1;
  Shape shape;                                // of the case's grid
  std::array<double, 3> spacing_mm{1, 1, 1};  // along {d, h, w}
  std::vector<std::vector<Voxel>> locations;  // per class (0 left out or empty): voxels of that class, a sample of them
};

}  // namespace volume
