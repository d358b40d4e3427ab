#pragma once
// How often a picture may be halved, and along which axes: from the patch and the spacing.

#include <cstdint>
#include <vector>

#include "models/encoder.h"

namespace models {

struct Stage {
  Extent stride;  // relative to the stage before
  Extent kernel;  // of its convolutions, 1 or 3
  bool operator==(const Stage&) const = default;
};

// Stage 0 has stride 1. Each further one halves the axes that still have 2 `smallest` voxels and whose spacing is less
// than twice the finest of these axes; so slices that lie far apart are halved only when the voxels in the plane have
// grown as coarse. A kernel is 3 along an axis once its spacing is less than twice the finest of all axes, before 1;
// the coarsest stage has 3 along each. One axis alone is halved only where it has 3 `smallest` voxels. These are the
// rules of nnU-Net's planner (Isensee et al., Nature Methods 2021), there with smallest = 4.
std::vector<Stage> stages_for(const Input& input, std::int64_t most, std::int64_t smallest);

// Strides from the picture on, one for each stage.
std::vector<Extent> total_strides(const std::vector<Stage>& stages);

// Throws usage Error when features of an image that is made `total` times smaller would be one voxel, which no
// normalisation over space can bear.
void check_coarsest(const Extent& image, const Extent& total);

}  // namespace models
