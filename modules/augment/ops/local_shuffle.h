#pragma once
#include "augment/ops.h"

namespace augment {

// Voxels change places within many small windows, all channels alike: detail goes, what lies where stays. Windows are
// shuffled one after another, so no value is lost where they overlap. After Zhou et al., "Models Genesis", Medical
// Image Analysis 67, 2021. Drawn: density, the greatest sides along {d, h, w} in voxels, alike in millimetres, a seed
// in two.
struct LocalShuffle {
  double chance = 0.5;
  double density_low = 0.2, density_high = 1;
  std::int64_t side = 5;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("chance", &LocalShuffle::chance, "chance", Range{0, 1}),
        field("density_low", &LocalShuffle::density_low,
              "least number of voxels in all windows together, part of the view's", Range{0, 16}),
        field("density_high", &LocalShuffle::density_high, "greatest number of them", Range{0, 16}),
        field("side", &LocalShuffle::side, "greatest side of a window, voxels of the finest axis; each is 1 to that",
              Range{1, 64}),
    };
  }
};
OpPointer make(const LocalShuffle& settings);

}  // namespace augment
