#pragma once
// Takes a view out of a case in one pass: place, turn, scale and bend at once, so that a voxel is interpolated once.
// Image trilinear; labels by the same weights, the greatest share wins, so no new label arises. Pure.

#include <array>
#include <cstdint>

#include "augment/block.h"
#include "volume/transform.h"

namespace augment {

// A voxel of the view at index p shows the case at to_case(p + bend(p)).
struct Placing {
  volume::Transform to_case;
  std::array<double, 3> bend{0, 0, 0};  // greatest displacement, voxels of the view (bend.h)
  std::int64_t bend_cells = 1;
  std::uint64_t bend_seed = 0;

  bool bent() const { return bend[0] != 0 || bend[1] != 0 || bend[2] != 0; }
};

// What `pick` reads of a case of this shape; never empty, even for a view that lies outside.
volume::VoxelBox reach(const Placing& placing, const volume::Shape& view, const volume::Shape& of_case);

// As Op::pick. A view that starts on whole voxels and is neither turned nor scaled nor bent is copied, bit for bit.
void pick(const Placing& placing, const Source& source, const Patch& patch);

}  // namespace augment
