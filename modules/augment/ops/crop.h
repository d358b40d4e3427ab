#pragma once
#include "augment/ops.h"
#include "augment/placement.h"

namespace augment {

// A patch of the case, voxel for voxel. Drawn: {d, h, w} of its first voxel in the case, may be negative.
struct Crop {
  Placement place;

  static constexpr auto fields() { return std::tuple{core::field("place", &Crop::place, "where")}; }
};
OpPointer make(const Crop& settings);

}  // namespace augment
