#pragma once
// A linear filter along one axis of a picture, with weights of its own at each place: blur and lowered resolution.

#include <cstdint>
#include <span>
#include <vector>

#include "augment/block.h"
#include "volume/geometry.h"

namespace augment {

// Voxel i becomes the sum over k of weights[i][k] * voxel[first[i] + k]; no reach beyond the ends.
struct AxisFilter {
  std::vector<std::int64_t> first;
  std::vector<std::vector<float>> weights;
};

// Gaussian of this standard deviation in voxels, cut at 3 of them; the ends are repeated.
AxisFilter gaussian(std::int64_t extent, double sigma);
// Averages over `coarse` equal cells, then interpolates linearly between the cells' centres. coarse >= 1.
AxisFilter through_coarse(std::int64_t extent, std::int64_t coarse);

// One place for each channel and axis {d, h, w}: [3 c + a]; no weights where nothing is filtered.
using AxisFilters = std::vector<AxisFilter>;

// In place along `axis` (0 d, 1 h, 2 w). The filter's extent is the shape's.
void filter(std::span<float> channel, const volume::Shape& shape, int axis, const AxisFilter& filter);
void filter(const Block<float>& image, const AxisFilters& filters);

}  // namespace augment
