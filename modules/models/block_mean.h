#pragma once
// A picture made smaller by taking means.

#include <ATen/core/Tensor.h>

#include "models/encoder.h"

namespace models {

// The mean over each block of `stride` voxels of x [N, C, D, H, W]; extents are rounded up, the last block of an axis
// may be cut, and its mean is over what there is. The type is x's, sums are float32 or better. Differentiable once; the
// result does not depend on the number of threads. On the CPU, for float32 and bfloat16, one pass that keeps
// channels_last_3d; torch's pooling gives that layout up, and computes in float32 under autocast.
at::Tensor block_mean(const at::Tensor& x, const Extent& stride);

// The same by torch, for any type and device.
at::Tensor block_mean_plain(const at::Tensor& x, const Extent& stride);

}  // namespace models
