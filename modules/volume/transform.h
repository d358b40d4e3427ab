#pragma once
// An affine map between two voxel grids: how a view remembers where in its case it was taken.

#include <array>

#include "volume/geometry.h"

namespace volume {

// 3x4, rows and columns in {d, h, w} order, the fourth column is the shift; whole numbers are voxel centres. A plain
// value. As a view's `voxel_to_case` it takes an index of the view to the index of the case's grid.
struct Transform {
  std::array<std::array<double, 4>, 3> rows{{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}}};

  Index operator()(const Index& index) const;
  // First `first`, then this.
  Transform after(const Transform& first) const;
  // Throws Error when the map is flat (determinant 0).
  Transform inverse() const;
  bool operator==(const Transform&) const = default;
};

// The axis-aligned box, in indices, that holds the image of a whole grid of this shape, voxel centres only.
struct IndexBox {
  Index low{}, high{};
};
IndexBox box_of(const Transform& transform, const Shape& shape);

}  // namespace volume
