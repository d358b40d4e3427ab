#pragma once
// The stack of a tilted gantry made straight: its slices lie aside of each other, and a Volume's axes are orthogonal.

#include "io/dicom_stack.h"
#include "volume/volume.h"

namespace io {

// `tilted` has its first slice in place and pretends that the others lie straight behind it. Each slice is moved in its
// own plane to where it belongs, linearly between its voxels, on a grid as large as all of them need; what no slice
// covers becomes `outside` (a stored value). Whole numbers are rounded. No value comes from another slice. Throws Error
// [IMAGE_PIXEL] when the grid is too large.
volume::Volume straightened(const volume::Volume& tilted, const Shear& shear, double outside);

// Air for a CT in Hounsfield units, the least value for all else; as stored.
double outside_value(const volume::Volume& volume, bool hounsfield);

}  // namespace io
