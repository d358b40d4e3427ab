#pragma once
// A case made ready by a plan, and the way back for what was predicted on it.

#include "prepare/plan.h"
#include "volume/case.h"
#include "volume/reorient.h"
#include "volume/resample.h"

namespace prepare {

// Masked, cropped, turned, freed of bias fields, normalised, resampled: float32 channels in the plan's order (one that
// the case lacks stays absent), the label map in its own type. Every voxel stays where it was in the world; id,
// targets, boxes, report and groups stay as they are. No voxel is NaN or infinite: what was, becomes background. A
// constant picture becomes 0.
//
// Images are smoothed where the new grid is coarser and never exceed the range they had. A single channel matches a
// plan of one channel whatever it is called. Pure, safe from many threads; memory: the case once as it is, each channel
// twice as float32, thrice where its bias field is divided out. Throws Error: Case::check, a channel that the plan does
// not know or of another modality, a brain to find where no MR picture is, a picture without one finite voxel.
volume::Case apply(const Plan& plan, volume::Case raw);

// The same case as a prepared store keeps it: images in the plan's voxels. Half of the `scale` of an int16 image is
// what its voxels may have changed by.
volume::Case in_stored_voxels(const Plan& plan, volume::Case ready);

// The grid apply() puts a case of this grid on when `content` is what has to be kept.
volume::Grid prepared_grid(const Plan& plan, const volume::Grid& original, const volume::VoxelBox& content);

// Labels on a prepared grid, brought back to the grid the case came on: by the class of most weight; 0 where the plan
// had cropped. The voxel type stays.
volume::Volume label_map_to(const volume::Grid& original, const volume::Volume& prepared_labels);

}  // namespace prepare
