#include "models/bare_residual.h"

#include <ATen/ATen.h>

#include "models/norm.h"

namespace models {
namespace {

constexpr double kSlope = 0.01;

at::Tensor normed(const at::Tensor& x, double slope, const at::Tensor& around = {}) {
  const std::int64_t channels = x.size(1);
  const auto options = x.options().dtype(x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat);
  return norm_leaky(x, at::ones({channels}, options), at::zeros({channels}, options), channels, slope, around);
}

}  // namespace

BareResidual::BareResidual(std::int64_t in, std::int64_t out, const Extent& kernel) {
  const auto convolution = [&](const char* name, std::int64_t from, const Extent& size) {
    return register_module(name, std::make_shared<torch::nn::Module>())
        ->register_module("conv", std::make_shared<Conv>(from, out, size, Extent{1, 1, 1}, false));
  };
  conv1 = convolution("conv1", in, kernel);
  conv2 = convolution("conv2", out, kernel);
  if (in != out) conv3 = convolution("conv3", in, {1, 1, 1});
}

at::Tensor BareResidual::forward(const at::Tensor& x) const {
  const at::Tensor inner = conv2->forward(normed(conv1->forward(x), kSlope));
  return normed(inner, kSlope, conv3 ? normed(conv3->forward(x), 1) : x);
}

}  // namespace models
