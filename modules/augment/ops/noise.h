#pragma once
#include "augment/ops.h"

namespace augment {

// Gaussian noise, a level for each channel. Drawn: a seed in two, then for each channel the noise's standard deviation
// as a part of the channel's.
struct Noise {
  double chance = 0.1;
  double level = 0.3;

  static constexpr auto fields() {
    return std::tuple{
        core::field("chance", &Noise::chance, "chance", core::Range{0, 1}),
        core::field("level", &Noise::level,
                    "greatest standard deviation of the noise, part of the channel's own standard deviation",
                    core::Range{0, 10}),
    };
  }
};
OpPointer make(const Noise& settings);

}  // namespace augment
