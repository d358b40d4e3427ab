#pragma once
#include "augment/ops.h"

namespace augment {

// A channel brighter here and darker there, as a receive coil makes it: distances from the channel's lowest value times
// exp(a polynomial of degree 3 in the place). Places are in millimetres from the view's middle over half of its longest
// side, so that the field is as smooth along all axes whatever the spacings. After Van Leemput et al., "Automated
// model-based bias field correction of MR images of the brain", IEEE TMI 18, 1999, and Sudre et al., Medical Image
// Analysis 38, 2017. Drawn: the step from voxel to voxel along {d, h, w}, then for each channel the coefficients of d^i
// h^j w^k, k running fastest, then j, without the constant.
struct BiasField {
  double chance = 0.3;
  double strength = 1;

  static constexpr auto fields() {
    return std::tuple{
        core::field("chance", &BiasField::chance, "chance", core::Range{0, 1}),
        core::field("strength", &BiasField::strength,
                    "greatest change within the view: with 1, from half to twice the signal", core::Range{0, 10}),
    };
  }
};
OpPointer make(const BiasField& settings);

}  // namespace augment
