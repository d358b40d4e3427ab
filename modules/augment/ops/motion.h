#pragma once
#include "augment/ops.h"

namespace augment {

// As if the patient had moved while the scan ran: lines of k-space along one axis, taken one after another, come from
// the view in several poses, and the real part of what they make is shown. The middle line is taken at rest, so the
// picture stays where its labels are; beyond the view its border is repeated. All channels move alike. Drawn: the axis,
// then for each pose the lines that come from it, from and to as parts of the way from the middle (-1 first line, 1
// last), and the 3x4 map from index of the view to index of the view before.
struct Motion {
  double chance = 0.2;
  std::int64_t poses = 3;
  double rotation_deg = 8;
  double shift_mm = 6;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("chance", &Motion::chance, "chance", Range{0, 1}),
        field("poses", &Motion::poses, "greatest number of poses besides that at rest", Range{1, 16}),
        field("rotation_deg", &Motion::rotation_deg,
              "greatest turn of a pose about an axis through the middle, degrees", Range{0, 180}),
        field("shift_mm", &Motion::shift_mm, "greatest shift of a pose along each axis, millimetres", Range{0, 1000}),
    };
  }
};
OpPointer make(const Motion& settings);

}  // namespace augment
