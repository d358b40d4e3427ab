#pragma once
#include "augment/ops.h"
#include "augment/pick.h"
#include "augment/placement.h"

namespace augment {

// A patch of the case, turned, scaled and bent, in millimetres: what is round stays round on a grid of unlike
// spacings. Drawn: the 3x4 map from index of the view to index of the case, cells, 3 bends in voxels, a seed in two.
struct Warp {
  Placement place;
  double rotation_chance = 0.2;
  double rotation_deg = 30;
  double scale_chance = 0.2;
  double scale_low = 0.7, scale_high = 1.4;
  double bend_chance = 0.2;
  double bend = 0.3;
  std::int64_t bend_cells = 4;
  double flat_ratio = 3;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("place", &Warp::place, "where"),
        field("rotation_chance", &Warp::rotation_chance, "chance to turn", Range{0, 1}),
        field("rotation_deg", &Warp::rotation_deg, "greatest angle about each axis, degrees", Range{0, 180}),
        field("scale_chance", &Warp::scale_chance, "chance to scale", Range{0, 1}),
        field("scale_low", &Warp::scale_low, "least part of the patch that the view shows", Range{0.1, 10}),
        field("scale_high", &Warp::scale_high, "greatest part; above 1 shows more, smaller", Range{0.1, 10}),
        field("bend_chance", &Warp::bend_chance, "chance to bend", Range{0, 1}),
        field("bend", &Warp::bend, "greatest shift of a control point, part of a cell; below 0.4 nothing folds",
              Range{0, 0.4}),
        field("bend_cells", &Warp::bend_cells, "cells of the control grid along each axis of the patch", Range{1, 32}),
        field("flat_ratio", &Warp::flat_ratio,
              "an axis whose spacing is more than this many times the finest is left alone", Range{1, 100}),
    };
  }
};
OpPointer make(const Warp& settings);
// What was drawn, read; throws Error for values that do not fit.
Placing warp_placing(const Drawn& drawn);

}  // namespace augment
