#pragma once
// Where a voxel lies in the patient.
//
// Shape and index order are {D, H, W} = {slice, row, column}, width fastest. World coordinates are LPS millimetres (x
// to the patient's Left, y to Posterior, z to Superior), as in DICOM. NIfTI's RAS is turned at the door (io), nowhere
// else.

#include <array>
#include <cstdint>
#include <string>

namespace volume {

using Point = std::array<double, 3>;  // world {x, y, z}, LPS, millimetres
using Index = std::array<double, 3>;  // voxel {d, h, w}; whole numbers are voxel centres

struct Shape {
  std::int64_t depth = 0, height = 0, width = 0;
  std::int64_t voxels() const { return depth * height * width; }
  std::int64_t operator[](int axis) const { return axis == 0 ? depth : axis == 1 ? height : width; }
  bool operator==(const Shape&) const = default;
};

// world = origin_mm + sum over axes a in {d, h, w} of direction[a] * spacing_mm[a] * index[a].
struct Geometry {
  Point origin_mm{0, 0, 0};                                           // centre of voxel {0, 0, 0}
  std::array<double, 3> spacing_mm{1, 1, 1};                          // along {d, h, w}
  std::array<Point, 3> direction{{{0, 0, 1}, {0, 1, 0}, {1, 0, 0}}};  // unit vector in the world of each axis {d, h, w}

  Point world(const Index& index) const;
  Index index(const Point& world) const;

  // Throws Error when a spacing is not finite and positive, or the directions are not orthonormal within 1e-3.
  void check() const;
};

// True when both place every corner of a grid of this shape within `tolerance_mm` of each other.
bool same_place(const Geometry& a, const Geometry& b, const Shape& shape, double tolerance_mm = 1e-2);

// Three letters, one per axis {d, h, w}: the side of the patient towards which the index grows, by the largest
// component. The default geometry is "SPL".
std::string orientation(const Geometry& geometry);

}  // namespace volume
