#pragma once
// Normalisation and activation between convolutions.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace models {

// Group normalisation of x [N, C, D, H, W] over C / groups channels and all voxels (groups = C: instance
// normalisation), times weight, plus bias [C], plus `around` (of x's shape; undefined: nothing); then leaky ReLU: y
// where y > 0, else slope y (slope 1: none). The same in training and evaluation, no running statistics; mean and
// variance in float32 or better, 1e-5 is added to the variance. The type of the result is x's. Wu and He, ECCV 2018;
// Ulyanov et al., 2016.
//
// On the CPU, for float32 and bfloat16, one pass for the moments and one for the rest, on channels_last_3d, which the
// result has; torch's own norms give that layout up. What it gains is in tests/bench/RESULTS.md.
// Differentiable once. The result does not depend on the number of threads.
at::Tensor norm_leaky(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, std::int64_t groups,
                      double slope, const at::Tensor& around = {});

// The same made of torch's operations, for any type and device: the truth that norm_leaky is tested against.
at::Tensor norm_leaky_plain(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, std::int64_t groups,
                            double slope, const at::Tensor& around = {});

}  // namespace models
