#pragma once
// A picture made larger: each voxel becomes a block of its own.

#include <ATen/core/Tensor.h>

#include "models/encoder.h"

namespace models {

// x [N, b C, D, H, W] with b the product of `stride`: what a voxel of it holds, in the order {d, h, w, channel}, are
// the voxels of its block in the result [N, C + B, D', H', W']. Beside them lie the B channels of `beside`, whose
// extent the result has: what is too much at the far end is cut off. Without `beside` B is 0 and each extent is stride
// times x's. Of x's type and differentiable once; on the CPU one pass, in channels_last_3d.
at::Tensor unfold_beside(const at::Tensor& x, const Extent& stride, const at::Tensor& beside = {});

// The same made of torch's operations, for any device.
at::Tensor unfold_beside_plain(const at::Tensor& x, const Extent& stride, const at::Tensor& beside = {});

}  // namespace models
