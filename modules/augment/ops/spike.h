#pragma once
#include "augment/ops.h"

namespace augment {

// Stripes over the whole view, as a spark in the scanner room leaves them: one point of k-space far too bright adds a
// plane wave. Drawn: for each channel whole waves over the view along {d, h, w}, the amplitude as a part of the
// channel's standard deviation, and the phase at the first voxel, radians.
struct Spike {
  double chance = 0.1;
  double low = 0.1, high = 0.6;
  double reach = 0.6;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("chance", &Spike::chance, "chance", Range{0, 1}),
        field("low", &Spike::low, "least amplitude of the wave, part of the channel's standard deviation",
              Range{0, 100}),
        field("high", &Spike::high, "greatest amplitude", Range{0, 100}),
        field("reach", &Spike::reach,
              "how far from the middle of k-space the point may lie along each axis, part of the way to the edge",
              Range{0, 1}),
    };
  }
};
OpPointer make(const Spike& settings);

}  // namespace augment
