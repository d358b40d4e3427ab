#pragma once
#include "augment/ops.h"

namespace augment {

// Boxes of the view become noise within each channel's range, to be filled in again; `hidden` says where. After Zhou et
// al., "Models Genesis", Medical Image Analysis 67, 2021. Drawn: a seed in two, then 6 numbers a box (boxes.h).
struct Inpaint {
  double chance = 0.5;
  std::int64_t boxes = 5;
  double side_low = 0.16, side_high = 0.33;

  static constexpr auto fields() {
    return std::tuple{
        core::field("chance", &Inpaint::chance, "chance", core::Range{0, 1}),
        core::field("boxes", &Inpaint::boxes, "greatest number of boxes", core::Range{1, 1000}),
        core::field("side_low", &Inpaint::side_low, "least side of a box, part of the view's", core::Range{0, 1}),
        core::field("side_high", &Inpaint::side_high, "greatest side", core::Range{0, 1}),
    };
  }
};
OpPointer make(const Inpaint& settings);

}  // namespace augment
