#pragma once
#include "augment/ops.h"

namespace augment {

// A channel's values through a rising line with bends: values evenly spaced over its range go to places drawn at random
// in the same order, straight between. Drawn: the number of points, then for each channel where they go as parts of the
// range, without the two ends, which stay.
struct HistogramShift {
  double chance = 0.3;
  std::int64_t points_low = 5, points_high = 12;
  double strength = 0.5;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("chance", &HistogramShift::chance, "chance", Range{0, 1}),
        field("points_low", &HistogramShift::points_low, "least number of points, ends among them", Range{3, 64}),
        field("points_high", &HistogramShift::points_high, "greatest number of points", Range{3, 64}),
        field("strength", &HistogramShift::strength,
              "how far points go from their place towards one that is drawn anywhere in the range", Range{0, 1}),
    };
  }
};
OpPointer make(const HistogramShift& settings);

}  // namespace augment
