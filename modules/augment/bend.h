#pragma once
// A smooth displacement of the voxels of a view: a cubic B-spline over a coarse grid of random control points.
//
// Each axis of the view has `cells` cells. A control point moves by at most `amplitude` voxels along each axis, hence
// so does every voxel, and where the amplitude stays below 0.4 of a cell no two voxels change places (Choi and Lee,
// "Injectivity conditions of 2D and 3D uniform cubic B-spline functions", Graphical Models 62, 2000).
// One thread; rows are asked for plane by plane.

#include <array>
#include <cstdint>
#include <vector>

#include "volume/geometry.h"

namespace augment {

class Bend {
 public:
  Bend(const volume::Shape& view, std::int64_t cells, const std::array<double, 3>& amplitude, std::uint64_t seed);

  // Turns to the plane of this depth.
  void plane(std::int64_t depth);
  // Displacement along axis a of voxel {depth, height, w}, in voxels: row(height)[a][w]. Valid until the next call.
  const std::array<std::vector<float>, 3>& row(std::int64_t height);

  static double cell(std::int64_t extent, std::int64_t cells);  // voxels

 private:
  struct Knot {
    std::int64_t first;
    std::array<float, 4> weights;
  };
  static std::vector<Knot> knots(std::int64_t extent, std::int64_t cells);

  std::int64_t points_;                     // control points along an axis
  std::array<std::vector<Knot>, 3> knots_;  // by axis, by voxel
  std::vector<float> control_;              // [points, points, points, 3]
  std::vector<float> plane_, line_;         // [points, points, 3], [points, 3]
  std::array<std::vector<float>, 3> row_;
};

}  // namespace augment
