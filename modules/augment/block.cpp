#include "augment/block.h"

#include <algorithm>
#include <cmath>

namespace augment {

Contents contents_of(std::span<const float> voxels) {
  Contents contents;
  if (voxels.empty()) return contents;
  contents.low = contents.high = voxels[0];
  // Differences from one voxel, so that a large offset (HU, raw counts) costs no digits.
  const double base = voxels[0];
  double sum = 0, squares = 0;
  for (const float voxel : voxels) {
    const double difference = voxel - base;
    sum += difference;
    squares += difference * difference;
    contents.low = std::min(contents.low, voxel);
    contents.high = std::max(contents.high, voxel);
  }
  const double count = static_cast<double>(voxels.size());
  contents.mean = base + sum / count;
  contents.deviation = std::sqrt(std::max(0.0, squares / count - (sum / count) * (sum / count)));
  return contents;
}

}  // namespace augment
