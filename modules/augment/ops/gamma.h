#pragma once
#include "augment/ops.h"

namespace augment {

// A channel's range raised to a power; mean and standard deviation stay. Drawn: for each channel the power, and 1 where
// the range is turned upside down for it (then the bright end changes instead of the dark one).
struct Gamma {
  double chance = 0.3;
  double upside_down = 0.25;
  double low = 0.7, high = 1.5;

  static constexpr auto fields() {
    return std::tuple{
        core::field("chance", &Gamma::chance, "chance", core::Range{0, 1}),
        core::field("upside_down", &Gamma::upside_down, "then, chance to raise the inverted channel",
                    core::Range{0, 1}),
        core::field("low", &Gamma::low, "least power", core::Range{0.05, 20}),
        core::field("high", &Gamma::high, "greatest power", core::Range{0.05, 20}),
    };
  }
};
OpPointer make(const Gamma& settings);

}  // namespace augment
