#pragma once
// A smooth displacement of the voxels of a view: a cubic B-spline over a coarse grid of random control points.
//
// Each axis of the view has `cells` cells. A control point moves by at most `amplitude` voxels along each axis, hence
// so does every voxel, and where the amplitude stays below 0.4 of a cell no two voxels change places (Choi and Lee,
// "Injectivity conditions of 2D and 3D uniform cubic B-spline functions", Graphical Models 62, 2000).
// One thread; rows are asked for plane by plane.

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "volume/geometry.h"

namespace augment {

class Bend {
 public:
  Bend(const volume::Shape& view, std::int64_t cells, const std::array<double, 3>& amplitude, std::uint64_t seed);

  // Turns to the plane of this depth.
  void plane(std::int64_t depth);
  // Displacement along axis a of voxel {depth, height, w}, in voxels: row(height)[a][w]. Valid until the next call;
  // with kRowPadding (pick_row.h) behind it.
  const std::array<std::vector<float>, 3>& row(std::int64_t height);

  static double cell(std::int64_t extent, std::int64_t cells);  // voxels

  struct Knots {
    std::vector<std::int64_t> first;                         // by voxel: of the four control points around it
    std::array<std::vector<float>, 4> weights;               // by voxel
    std::vector<std::pair<std::size_t, std::size_t>> cells;  // the voxels of each cell: begin, end
  };
  // What rows are made of, for whoever makes them elsewhere (device_batch.h).
  std::int64_t points() const { return points_; }
  const Knots& along(int axis) const { return knots_[static_cast<std::size_t>(axis)]; }
  const std::vector<float>& control() const { return control_; }  // [points, points, 3, points]

 private:
  static Knots knots(std::int64_t extent, std::int64_t cells);
  // out = the four rows of `rows` around this voxel of an axis, each out.size() long, with their weights.
  static void blend(const std::vector<float>& rows, const Knots& knots, std::int64_t voxel, std::vector<float>& out);

  std::int64_t points_;         // control points along an axis
  std::array<Knots, 3> knots_;  // by axis
  std::vector<float> control_;
  std::vector<float> plane_, line_;  // [points, 3, points], [3, points]
  std::array<std::vector<float>, 3> row_;
};

}  // namespace augment
