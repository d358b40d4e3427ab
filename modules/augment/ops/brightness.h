#pragma once
#include "augment/ops.h"

namespace augment {

// Every voxel of a channel brighter or darker by the same amount. Drawn: for each channel the shift as a part of the
// channel's standard deviation.
struct Brightness {
  double chance = 0.15;
  double shift = 0.3;

  static constexpr auto fields() {
    return std::tuple{
        core::field("chance", &Brightness::chance, "chance", core::Range{0, 1}),
        core::field("shift", &Brightness::shift, "greatest shift either way, part of the channel's standard deviation",
                    core::Range{0, 10}),
    };
  }
};
OpPointer make(const Brightness& settings);

}  // namespace augment
