#pragma once
// Where in the case a view is taken: shared by crop and warp.

#include <array>

#include "core/config.h"
#include "core/rng.h"
#include "volume/frame.h"

namespace augment {

struct Placement {
  double foreground = 0;  // only where the frame has locations
  double spread = -1;
  bool centre = false;

  static constexpr auto fields() {
    return std::tuple{
        core::field("foreground", &Placement::foreground,
                    "chance to centre the view on a voxel of a class, each class of the case alike", core::Range{0, 1}),
        core::field("spread", &Placement::spread,
                    "the views of a sample lie around one place, shifted by at most half this part of the patch; "
                    "negative: each anywhere",
                    core::Range{-1, 4}),
        core::field("centre", &Placement::centre, "always the middle of the case"),
    };
  }
};

// The lower edge of a box of `extent` voxels, in indices such that a whole number n is the edge below voxel n. Inside
// the case where the box fits, centred along an axis where the case is smaller (then negative). Whole along the axes
// marked `whole`. With a spread, the place depends on seed and sample alone, the shift on the view, and before the
// shift a smaller view lies inside a larger one of the same sample.
std::array<double, 3> place(core::Rng& rng, const core::DrawKey& key, const volume::Frame& frame,
                            const std::array<double, 3>& extent, const std::array<bool, 3>& whole,
                            const Placement& placement);

}  // namespace augment
