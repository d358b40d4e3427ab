#pragma once
#include "augment/ops.h"

namespace augment {

// A channel brighter here and darker there, as a receive coil makes it: distances from the channel's lowest value times
// exp(a polynomial of degree 3 in the place). Places are in millimetres from the view's middle over half of its longest
// side, so that the field is as smooth along all axes whatever the spacings. After Van Leemput et al., "Automated
// model-based bias field correction of MR images of the brain", IEEE TMI 18, 1999, and Sudre et al., MICCAI 2017.
// Drawn: the step from voxel to voxel along {d, h, w}, then for each channel the coefficients of d^i h^j w^k, k running
// fastest, then j, without the constant.
struct BiasField {
  double chance = 0.3;
  double strength = 0.5;

  static constexpr auto fields() {
    return std::tuple{
        core::field("chance", &BiasField::chance, "chance", core::Range{0, 1}),
        core::field("strength", &BiasField::strength,
                    "greatest change: 0.5 lies between two thirds and one and a half of the true signal",
                    core::Range{0, 10}),
    };
  }
};
OpPointer make(const BiasField& settings);

}  // namespace augment
