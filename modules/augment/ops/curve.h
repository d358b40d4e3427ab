#pragma once
#include "augment/ops.h"

namespace augment {

// A channel's values through a monotone curve over its range: a cubic Bezier curve from the darkest to the brightest
// voxel, the two control points anywhere in the square between; may be turned upside down. After Zhou et al., "Models
// Genesis", Medical Image Analysis 67, 2021. Drawn: for each channel {x, y} of both control points as parts of the
// range, and 1 where bright and dark change places.
struct Curve {
  double chance = 0.5;
  double upside_down = 0.25;

  static constexpr auto fields() {
    return std::tuple{
        core::field("chance", &Curve::chance, "chance", core::Range{0, 1}),
        core::field("upside_down", &Curve::upside_down, "then, chance of each channel that bright becomes dark",
                    core::Range{0, 1}),
    };
  }
};
OpPointer make(const Curve& settings);

}  // namespace augment
