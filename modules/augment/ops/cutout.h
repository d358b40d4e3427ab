#pragma once
#include "augment/ops.h"

namespace augment {

// Boxes of the view become the channel's mean, so that no one place is relied on; labels stay, `hidden` says where.
// After DeVries & Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout", arXiv:1708.04552,
// 2017. Drawn: 6 numbers a box (boxes.h).
struct Cutout {
  double chance = 0.5;
  std::int64_t boxes = 1;
  double side_low = 0.25, side_high = 0.5;

  static constexpr auto fields() {
    return std::tuple{
        core::field("chance", &Cutout::chance, "chance", core::Range{0, 1}),
        core::field("boxes", &Cutout::boxes, "greatest number of boxes", core::Range{1, 1000}),
        core::field("side_low", &Cutout::side_low, "least side of a box, part of the view's", core::Range{0, 1}),
        core::field("side_high", &Cutout::side_high, "greatest side", core::Range{0, 1}),
    };
  }
};
OpPointer make(const Cutout& settings);

}  // namespace augment
