#pragma once
// What of a picture is patient and what is the ground it lies on.
//
// The background rule: in CT air, at or below -950 HU; in everything else exactly 0, what skull strippers,
// reconstruction and padding leave. A value that is not finite is background too. It is a rule for statistics and for
// cropping: careful, so that nothing of the patient is lost, not a segmentation.

#include <string>

#include "volume/case.h"
#include "volume/reorient.h"
#include "volume/resample.h"

namespace prepare {

inline constexpr double kAirHu = -950;

// `value` after scale and offset.
bool is_foreground(double value, const std::string& modality);

// The smallest box that holds the foreground of every channel and every labelled voxel of a case; the whole grid where
// there is neither. Nothing a person has labelled is ever cropped away.
volume::VoxelBox content_box(const volume::Case& one);

// The box, `margin_mm` larger on every side as far as the grid reaches.
volume::VoxelBox grown(const volume::VoxelBox& box, const volume::Grid& grid, double margin_mm);

}  // namespace prepare
