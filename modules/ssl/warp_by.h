#pragma once
// Pictures seen through a displacement: what registration moves them by.
//
// Displacements and places are [N, 3, d, h, w], float32 or better, in voxels of the picture along {d, h, w}: index 0 is
// the centre of the first voxel.

#include <ATen/core/Tensor.h>

namespace ssl {

// The indices of a grid of this extent {d, h, w} themselves, [1, 3, d, h, w]: where one looks without a displacement.
at::Tensor indices_of(at::IntArrayRef extent, const at::TensorOptions& options);

// Pictures [N, C, D, H, W] at these places, [N, C, d, h, w]: linear between the centres of voxels; beyond the outermost
// ones, these. In float32 or better, on the tensors' own device; differentiable in both.
at::Tensor seen_at(const at::Tensor& pictures, const at::Tensor& places);

// Pictures displaced: what comes out at index i lay at i + displacement(i). Of the displacement's extent.
at::Tensor warp_by(const at::Tensor& pictures, const at::Tensor& displacement);

// Where affine maps send places, less these places. maps [N, 3, 4]: a matrix and a shift, of places measured from the
// middle of the extent {D, H, W}, -1 and 1 the outer edges along each axis; they say by how much a place moves, so
// that 0 is the identity. A map after a displacement u: affine_displacement(maps, indices + u, extent) + u.
at::Tensor affine_displacement(const at::Tensor& maps, const at::Tensor& places, at::IntArrayRef extent);

}  // namespace ssl
