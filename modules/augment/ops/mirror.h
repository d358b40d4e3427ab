#pragma once
#include <array>

#include "augment/ops.h"

namespace augment {

// Turns axes around. Left and right look alike then: leave that axis out where the side matters. Drawn: 3 times 0 or 1.
struct Mirror {
  double chance = 0.5;
  std::vector<std::int64_t> axes{0, 1, 2};

  static constexpr auto fields() {
    return std::tuple{
        core::field("chance", &Mirror::chance, "chance of each axis by itself", core::Range{0, 1}),
        core::field("axes", &Mirror::axes, "axes that may be mirrored: 0 d, 1 h, 2 w", core::Range{0, 2}),
    };
  }
};
OpPointer make(const Mirror& settings);
// What was drawn, read; throws Error for values that do not fit.
std::array<bool, 3> mirrored_axes(const Drawn& drawn);

}  // namespace augment
