#include "volume/quantise.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"

namespace volume {

Volume as_int16(const Volume& image) {
  constexpr double kMost = std::numeric_limits<std::int16_t>::max();
  Volume result(image.shape(), VoxelType::kInt16, image.geometry);
  with_type(image.type(), [&]<class T>(T) {
    const auto voxels = image.voxels<T>();
    const auto meant = [&](T voxel) { return static_cast<double>(voxel) * image.scale + image.offset; };
    double low = std::numeric_limits<double>::infinity(), high = -low;
    for (const T voxel : voxels) {
      const double value = meant(voxel);
      if (!std::isfinite(value)) throw core::Error("a voxel is not a finite number");
      low = std::min(low, value);
      high = std::max(high, value);
    }
    if (voxels.empty()) return;
    result.offset = low + (high - low) / 2;
    result.scale = high > low ? (high - low) / (2 * kMost) : 1;
    std::ranges::transform(voxels, result.voxels<std::int16_t>().begin(), [&](T voxel) {
      return static_cast<std::int16_t>(
          std::clamp(std::nearbyint((meant(voxel) - result.offset) / result.scale), -kMost, kMost));
    });
  });
  return result;
}

}  // namespace volume
