#pragma once
// Normalisation and activation between convolutions.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace models {

// Group normalisation of x [N, C, D, H, W] over C / groups channels and all voxels (groups = C: instance
// normalisation), times weight, plus bias [C]; then leaky ReLU: y where y > 0, else slope y (slope 1: none). The same
// in training and evaluation, no running statistics; mean and variance in float32, 1e-5 is added to the variance. The
// type of the result is x's.
at::Tensor norm_leaky(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, std::int64_t groups,
                      double slope);

}  // namespace models
