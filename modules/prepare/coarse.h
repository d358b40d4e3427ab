#pragma once
// A picture in fewer voxels: where a bias field or the outline of a body is looked for, which need no fine detail.
//
// A block of voxels becomes one, and lies in its middle. The last block of an axis may be cut off by the end of the
// grid. Pure, safe from many threads.

#include <array>
#include <cstdint>
#include <span>

#include "volume/resample.h"

namespace prepare {

using Block = std::array<std::int64_t, 3>;  // its sides along {d, h, w} in voxels, at least 1

// Of the longest side of a picture, voxels and all.
double longest_side_mm(const volume::Volume& image);

// The grid of blocks. Every voxel of `fine` lies within half a block of the centre of one.
volume::Grid coarse_grid(const volume::Grid& fine, const Block& block);

enum class Counted {
  kFinite,    // every finite value; a block without one becomes NaN
  kPositive,  // finite values above 0; a block where they are fewer than half becomes 0
};
// Mean of what is counted in each block, float32, values after scale and offset.
volume::Volume block_means(const volume::Volume& image, const Block& block, Counted counted);

// What parts dark ground from tissue: the threshold of greatest variance between the two classes (Otsu, IEEE Trans.
// SMC 9, 1979) of log(value + 2 % of the 99th percentile), so that bright fat does not hide muscle. Values of 0 and
// less count as 0, those that are not finite not at all. 0 where all are alike.
double ground_threshold(std::span<const float> values);

}  // namespace prepare
