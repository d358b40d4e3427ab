#include "models/blocks.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include <cmath>

#include "core/error.h"
#include "models/block_mean.h"
#include "models/layout.h"
#include "models/norm.h"
#include "models/unfold.h"

namespace models {
namespace {

constexpr double kSlopeOfInit = 0.01;

at::Tensor drawn_weight(at::IntArrayRef shape, std::int64_t fan_in) {
  return at::randn(shape) * std::sqrt(2 / ((1 + kSlopeOfInit * kSlopeOfInit) * static_cast<double>(fan_in)));
}

std::int64_t volume_of(const Extent& extent) { return extent[0] * extent[1] * extent[2]; }

}  // namespace

Conv::Conv(std::int64_t in, std::int64_t out, const Extent& kernel, const Extent& given_stride, bool with_bias)
    : stride(given_stride), padding{kernel[0] / 2, kernel[1] / 2, kernel[2] / 2} {
  weight =
      register_parameter("weight", drawn_weight({out, in, kernel[0], kernel[1], kernel[2]}, in * volume_of(kernel)));
  if (with_bias) bias = register_parameter("bias", at::zeros({out}));
}

at::Tensor Conv::forward(const at::Tensor& x) const {
  if (weight.numel() == weight.size(0) * weight.size(1) && volume_of(stride) == 1)
    return voxelwise(x, weight.flatten(1), bias);
  if (bfloat16_is_broken_for(x)) {
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::DispatchKey::AutocastCPU);
    return at::conv3d(channels_last(x.to(at::kFloat)), weight.to(at::kFloat),
                      bias.defined() ? bias.to(at::kFloat) : bias, stride, padding)
        .to(at::kBFloat16);
  }
  return at::conv3d(channels_last(x), weight, bias, stride, padding);
}

// oneDNN of LibTorch 2.13 (AVX512-bf16): the gradient of a bfloat16 kernel that is longer than the map it makes is read
// from memory that nobody wrote, and memory beside it is written. Such maps are small: float32 costs nothing.
bool Conv::bfloat16_is_broken_for(const at::Tensor& x) const {
  const bool narrow = x.scalar_type() == at::kBFloat16 || (at::autocast::is_autocast_enabled(at::kCPU) &&
                                                           at::autocast::get_autocast_dtype(at::kCPU) == at::kBFloat16);
  if (!x.is_cpu() || !narrow || x.scalar_type() == at::kDouble) return false;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const std::int64_t kernel = weight.size(static_cast<std::int64_t>(axis) + 2),
                       in = x.size(static_cast<std::int64_t>(axis) + 2);
    if ((in + 2 * padding[axis] - kernel) / stride[axis] + 1 < kernel) return true;
  }
  return false;
}

// torch counts the fan in of a transposed convolution over its outputs; nnU-Net inherits that, and so do we.
UpConv::UpConv(std::int64_t in, std::int64_t out, const Extent& given_stride, bool with_bias) : stride(given_stride) {
  weight =
      register_parameter("weight", drawn_weight({in, out, stride[0], stride[1], stride[2]}, out * volume_of(stride)));
  if (with_bias) bias = register_parameter("bias", at::zeros({out}));
}

at::Tensor UpConv::forward(const at::Tensor& x, const at::Tensor& beside) const {
  const at::Tensor products = voxelwise(x, weight.permute({2, 3, 4, 1, 0}).flatten(0, 3),
                                        bias.defined() ? bias.repeat(volume_of(stride)) : bias);
  return unfold_beside(products, stride, beside);
}

Norm::Norm(std::int64_t channels, const Between& between)
    : groups(between.groups == 0 ? channels : between.groups), slope(between.slope) {
  GADOLIN_CHECK(channels % groups == 0);
  weight = register_parameter("weight", at::ones({channels}));
  bias = register_parameter("bias", at::zeros({channels}));
}

at::Tensor Norm::forward(const at::Tensor& x, bool active, const at::Tensor& around) const {
  return norm_leaky(x, weight, bias, groups, active ? slope : 1, around);
}

ConvNorm::ConvNorm(std::int64_t in, std::int64_t out, const Extent& kernel, const Extent& stride, bool with_bias,
                   bool is_active, const Between& between)
    : active(is_active) {
  conv = register_module("conv", std::make_shared<Conv>(in, out, kernel, stride, with_bias));
  norm = register_module("norm", std::make_shared<Norm>(out, between));
}

at::Tensor ConvNorm::forward(const at::Tensor& x) const { return norm->forward(conv->forward(x), active); }

Residual::Residual(std::int64_t in, std::int64_t out, const Extent& kernel, const Extent& given_stride,
                   const Between& between, std::int64_t narrow)
    : stride(given_stride) {
  constexpr Extent kOne{1, 1, 1};
  if (narrow == 0) {
    conv1 = register_module("conv1", std::make_shared<ConvNorm>(in, out, kernel, stride, true, true, between));
    conv2 = register_module("conv2", std::make_shared<ConvNorm>(out, out, kernel, kOne, true, false, between));
  } else {
    conv1 = register_module("conv1", std::make_shared<ConvNorm>(in, narrow, kOne, kOne, true, true, between));
    conv2 = register_module("conv2", std::make_shared<ConvNorm>(narrow, narrow, kernel, stride, true, true, between));
    conv3 = register_module("conv3", std::make_shared<ConvNorm>(narrow, out, kOne, kOne, true, false, between));
  }
  const at::NoGradGuard no_gradient;
  last().norm->weight.zero_();
  if (in != out) {
    const auto around = register_module("skip", std::make_shared<torch::nn::Module>());
    projection = std::make_shared<ConvNorm>(in, out, kOne, kOne, false, false, between);
    around->register_module(volume_of(stride) > 1 ? "1" : "0", projection);
  }
}

std::vector<std::shared_ptr<ConvNorm>> Residual::inner() const {
  if (conv3) return {conv1, conv2};
  return {conv1};
}

at::Tensor Residual::forward(const at::Tensor& x) const {
  at::Tensor around = x, y = x;
  if (volume_of(stride) > 1) around = block_mean(around, stride);
  if (projection) around = projection->forward(around);
  for (const auto& each : inner()) y = each->forward(y);
  return last().norm->forward(last().conv->forward(y), /*active=*/true, around);
}

}  // namespace models
