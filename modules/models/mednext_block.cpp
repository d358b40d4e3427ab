#include "models/mednext_block.h"

#include <ATen/ATen.h>

#include <cmath>

#include "models/depthwise.h"
#include "models/layout.h"

namespace models {
namespace {

constexpr Extent kOne{1, 1, 1};
constexpr double kResponseFloor = 1e-6;

// Even between +- 1 / sqrt(fan in), as torch draws them: the branches stay smaller than the way around.
at::Tensor drawn(at::IntArrayRef shape, std::int64_t fan_in) {
  return (at::rand(shape) * 2 - 1) / std::sqrt(static_cast<double>(fan_in));
}

void redraw(Conv& convolution) {
  const at::NoGradGuard no_gradient;
  convolution.weight.copy_(drawn(convolution.weight.sizes(), convolution.weight[0].numel()));
}

at::Tensor every(const at::Tensor& x, const Extent& stride) {
  return x.slice(2, 0, std::nullopt, stride[0])
      .slice(3, 0, std::nullopt, stride[1])
      .slice(4, 0, std::nullopt, stride[2]);
}

// x [N, C, D, H, W] with stride - 1 voxels of 0 between its own.
at::Tensor spread(const at::Tensor& x, const Extent& stride) {
  const at::Tensor voxels = x.permute({0, 2, 3, 4, 1});
  const std::int64_t n = x.size(0), c = x.size(1), d = x.size(2), h = x.size(3), w = x.size(4);
  return at::constant_pad_nd(voxels.reshape({n, d, 1, h, 1, w, 1, c}),
                             {0, 0, 0, stride[2] - 1, 0, 0, 0, stride[1] - 1, 0, 0, 0, stride[0] - 1})
      .reshape({n, d * stride[0], h * stride[1], w * stride[2], c})
      .slice(1, 0, (d - 1) * stride[0] + 1)
      .slice(2, 0, (h - 1) * stride[1] + 1)
      .slice(3, 0, (w - 1) * stride[2] + 1)
      .permute({0, 4, 1, 2, 3});
}

// Global response normalisation: Woo et al., "ConvNeXt V2", CVPR 2023. Sums are float32 or better.
at::Tensor respond(const at::Tensor& x, const at::Tensor& gamma, const at::Tensor& beta) {
  const at::Tensor wide = x.scalar_type() == at::kDouble ? x : x.to(at::kFloat);
  // At 0 the norm's own gradient is no number.
  const at::Tensor response = (wide.square().sum({2, 3, 4}, /*keepdim=*/true) + 1e-24).sqrt();
  const at::Tensor share = response / (response.mean(1, /*keepdim=*/true) + kResponseFloor);
  return (gamma * (wide * share) + beta + wide).to(x.scalar_type());
}

}  // namespace

MednextBlock::MednextBlock(const MednextShape& given) : shape(given) {
  const std::int64_t hidden = shape.expansion * shape.in;
  const Extent& k = shape.kernel;
  const auto conv1 = register_module("conv1", std::make_shared<torch::nn::Module>());
  each_weight = conv1->register_parameter("weight", drawn({shape.in, 1, k[0], k[1], k[2]}, k[0] * k[1] * k[2]));
  each_bias = conv1->register_parameter("bias", at::zeros({shape.in}));
  norm = register_module("norm", std::make_shared<Norm>(shape.in, Between{}));
  conv2 = register_module("conv2", std::make_shared<Conv>(shape.in, hidden, kOne, kOne, true));
  conv3 = register_module("conv3", std::make_shared<Conv>(hidden, shape.out, kOne, kOne, true));
  redraw(*conv2);
  redraw(*conv3);
  if (shape.responses) {
    beta = register_parameter("global_resp_beta", at::zeros({1, hidden, 1, 1, 1}));
    gamma = register_parameter("global_resp_gamma", at::zeros({1, hidden, 1, 1, 1}));
  }
  if (shape.resampling == Resampling::kNone) return;
  const auto res_conv = register_module("res_conv", std::make_shared<torch::nn::Module>());
  const bool up = shape.resampling == Resampling::kUp;
  around_weight = res_conv->register_parameter(
      "weight", drawn({up ? shape.in : shape.out, up ? shape.out : shape.in, 1, 1, 1}, shape.in));
  around_bias = res_conv->register_parameter("bias", at::zeros({shape.out}));
}

// A convolution of one voxel that leaves voxels out, or puts some between: a product for those there are.
at::Tensor MednextBlock::around(const at::Tensor& x) const {
  if (shape.resampling == Resampling::kNone) return x;
  if (shape.resampling == Resampling::kDown)
    return voxelwise(every(x, shape.stride), around_weight.flatten(1), around_bias);
  const at::Tensor products = voxelwise(x, around_weight.flatten(1).t(), {});
  return spread(products, shape.stride) + around_bias.view({1, -1, 1, 1, 1}).to(products.scalar_type());
}

at::Tensor MednextBlock::forward(const at::Tensor& x) const {
  const at::Tensor each = shape.resampling == Resampling::kUp
                              ? depthwise_transposed(x, each_weight, each_bias, shape.stride)
                              : depthwise(x, each_weight, each_bias, shape.stride);
  at::Tensor hidden = at::gelu(conv2->forward(norm->forward(each, /*active=*/false)));
  if (shape.responses) hidden = respond(hidden, gamma, beta);
  const at::Tensor y = conv3->forward(hidden) + around(x);
  if (shape.resampling != Resampling::kUp) return y;
  return at::constant_pad_nd(y, {shape.stride[2] - 1, 0, shape.stride[1] - 1, 0, shape.stride[0] - 1, 0});
}

MednextStage::MednextStage(const MednextShape& shape, std::int64_t count) {
  for (std::int64_t b = 0; b < count; ++b)
    blocks.push_back(register_module(std::to_string(b), std::make_shared<MednextBlock>(shape)));
}

at::Tensor MednextStage::forward(const at::Tensor& x) const {
  at::Tensor y = x;
  for (const auto& block : blocks) y = block->forward(y);
  return y;
}

}  // namespace models
