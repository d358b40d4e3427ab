#pragma once
// Sets of voxels that are grown, shrunk, parted and filled. Lengths are millimetres between voxel centres, so that
// unlike spacings behave alike. Pure; the time goes with the voxels times the length in voxels. At most 2^31 voxels.

#include <array>
#include <cstdint>
#include <vector>

#include "volume/geometry.h"

namespace prepare {

struct VoxelSet {
  volume::Shape shape;
  std::array<double, 3> spacing_mm{1, 1, 1};  // along {d, h, w}
  std::vector<std::uint8_t> inside;           // 1 or 0; {D, H, W}, width fastest
  bool empty() const;
};

// With every voxel within `mm` of one that is inside.
VoxelSet grown(const VoxelSet& from, double mm);

// Without every voxel within `mm` of one that is outside. Beyond the grid nothing is outside.
VoxelSet shrunk(const VoxelSet& from, double mm);

// The parts, of voxels that share a face, with at least `share` of the voxels of the largest; 1: the largest alone.
VoxelSet large_parts(const VoxelSet& from, double share);

// The parts that have a voxel of `seeds`, which is of the same grid.
VoxelSet parts_with(const VoxelSet& from, const VoxelSet& seeds);

// What is outside and has no way along the axes marked to the border of the grid becomes inside.
void fill_holes(VoxelSet& one, const std::array<bool, 3>& along);

}  // namespace prepare
