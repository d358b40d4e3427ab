#pragma once
#include "augment/ops.h"

namespace augment {

// Faint copies of the picture along one axis, as breath and pulse leave them: every n-th line of k-space is weakened,
// counted from the middle one, which stays. Where n divides the axis, n copies that lie extent / n apart and wrap
// around at the view's ends. The view stands for the scan. Drawn: the axis, then for each channel n and the part of the
// line's signal that is lost.
struct Ghosting {
  double chance = 0.2;
  std::int64_t every_low = 2, every_high = 6;
  double lost_low = 0.3, lost_high = 1;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("chance", &Ghosting::chance, "chance", Range{0, 1}),
        field("every_low", &Ghosting::every_low, "least n: every n-th line of k-space is weakened", Range{2, 1000}),
        field("every_high", &Ghosting::every_high, "greatest n: more copies, and fainter ones", Range{2, 1000}),
        field("lost_low", &Ghosting::lost_low, "least part of these lines' signal that is lost", Range{0, 1}),
        field("lost_high", &Ghosting::lost_high, "greatest part", Range{0, 1}),
    };
  }
};
OpPointer make(const Ghosting& settings);

}  // namespace augment
