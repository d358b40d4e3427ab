#pragma once
// How well one picture lies on another, and how smooth what moved it is.

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>

namespace losses {

// The mean of 1 - r^2 over windows, and how many there were (a scalar without gradient: ranks and parts of a batch are
// weighed by it). A window lies around each counted voxel and channel of each picture, with what is counted of `side`
// voxels along each axis (odd); r is the correlation of moved and fixed within it. Grey values may be changed by any
// line, a x + b, a not 0, of either picture: nothing changes. A window where fixed is of one value (deviation below a
// hundredth of the picture's own) tells nothing and is not counted; one where moved is of one value has r = 0. 0 with
// gradient 0 where no window is counted. moved, fixed [N, C, D, H, W]; counted [N, 1, D, H, W], 0 or 1, any type.
// Differentiable in both pictures. As in Balakrishnan et al., "VoxelMorph", IEEE TMI 38, 2019.
struct Unlikeness {
  at::Tensor mean, windows;
};
Unlikeness local_unlikeness(const at::Tensor& moved, const at::Tensor& fixed, const at::Tensor& counted,
                            std::int64_t side);

// How much neighbours are moved apart: the mean over components and axes, and over neighbours along each axis, of
// (difference of the displacement in mm / distance in mm)^2; 0 for what moves all alike. displacement [N, 3, D, H, W]
// in voxels along {d, h, w}, spacing of these axes. An axis of one voxel has no neighbours and gives 0. Of the same
// paper, there in voxels.
at::Tensor roughness(const at::Tensor& displacement, const std::array<double, 3>& spacing_mm);

}  // namespace losses
