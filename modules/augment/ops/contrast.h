#pragma once
#include "augment/ops.h"

namespace augment {

// Distances from the channel's mean times a factor, kept within the channel's range. Drawn: a factor for each channel.
struct Contrast {
  double chance = 0.15;
  double low = 0.75, high = 1.25;

  static constexpr auto fields() {
    return std::tuple{
        core::field("chance", &Contrast::chance, "chance", core::Range{0, 1}),
        core::field("low", &Contrast::low, "least factor", core::Range{0.01, 10}),
        core::field("high", &Contrast::high, "greatest factor", core::Range{0.01, 10}),
    };
  }
};
OpPointer make(const Contrast& settings);

}  // namespace augment
