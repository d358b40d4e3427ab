#pragma once
#include "augment/ops.h"

namespace augment {

// Pairs of boxes of one size change places, all channels alike, one pair after another: no value is lost. After Chen et
// al., "Self-supervised learning for medical image analysis using image context restoration", Medical Image Analysis
// 58, 2019. Drawn: 9 numbers a pair: three sides, {d, h, w} of the first voxel of either box.
struct Swap {
  double chance = 1;
  std::int64_t pairs = 10;
  double side_low = 0.1, side_high = 0.25;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("chance", &Swap::chance, "chance", Range{0, 1}),
        field("pairs", &Swap::pairs, "pairs of boxes that change places", Range{1, 1000}),
        field("side_low", &Swap::side_low, "least side of a box, part of the view's", Range{0, 1}),
        field("side_high", &Swap::side_high, "greatest side", Range{0, 1}),
    };
  }
};
OpPointer make(const Swap& settings);

}  // namespace augment
