#pragma once
// How voxels lie in memory: networks keep the channels of a voxel side by side from end to end.

#include <ATen/core/Tensor.h>

namespace models {

// x [N, C, D, H, W] as channels_last_3d; shares memory where it lies so already. Of one channel both layouts are the
// same bytes: the strides then say channels_last_3d, or the convolution that reads it would answer in the other one.
at::Tensor channels_last(const at::Tensor& x);

// The same product for every voxel: x [N, I, D, H, W] times weight [O, I], plus bias [O] (may be undefined), to
// [N, O, D, H, W] in channels_last_3d. What a convolution of 1 x 1 x 1 does; torch's gives the layout up for few
// channels. Differentiable.
at::Tensor voxelwise(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

}  // namespace models
