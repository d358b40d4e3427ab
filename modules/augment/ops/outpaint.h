#pragma once
#include "augment/ops.h"

namespace augment {

// All but some boxes of the view becomes noise within each channel's range, to be filled in from what is left; `hidden`
// says where. After Zhou et al., "Models Genesis", Medical Image Analysis 67, 2021. Drawn: a seed in two, then 6
// numbers for each box that stays (boxes.h).
struct Outpaint {
  double chance = 0.5;
  std::int64_t boxes = 5;
  double side_low = 0.43, side_high = 0.57;

  static constexpr auto fields() {
    return std::tuple{
        core::field("chance", &Outpaint::chance, "chance", core::Range{0, 1}),
        core::field("boxes", &Outpaint::boxes, "greatest number of boxes that stay", core::Range{1, 1000}),
        core::field("side_low", &Outpaint::side_low, "least side of a box, part of the view's", core::Range{0, 1}),
        core::field("side_high", &Outpaint::side_high, "greatest side", core::Range{0, 1}),
    };
  }
};
OpPointer make(const Outpaint& settings);

}  // namespace augment
