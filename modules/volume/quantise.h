#pragma once
// Pictures of fractions in half the memory.

#include "volume/volume.h"

namespace volume {

// int16 with scale and offset: the range of the voxels laid over that of the type, and geometry as it was. What a voxel
// means changes by at most half of the new `scale`; the lowest and the highest keep theirs. Throws Error when a voxel
// is not finite.
Volume as_int16(const Volume& image);

}  // namespace volume
