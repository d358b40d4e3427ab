#include "augment/block.h"

#include "augment/voxel_rows.h"

namespace augment {

Contents contents_of(std::span<const float> voxels) { return voxels.empty() ? Contents{} : contents_of_row(voxels); }

}  // namespace augment
