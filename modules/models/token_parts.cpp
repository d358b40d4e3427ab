#include "models/token_parts.h"

#include <ATen/ATen.h>

namespace models {

at::Tensor drawn_for_tokens(at::IntArrayRef shape) {
  constexpr double kDeviation = 0.02;
  return at::randn(shape).clamp_(-2, 2) * kDeviation;
}

Linear::Linear(std::int64_t in, std::int64_t out, bool with_bias) {
  weight = register_parameter("weight", drawn_for_tokens({out, in}));
  if (with_bias) bias = register_parameter("bias", at::zeros({out}));
}

at::Tensor Linear::forward(const at::Tensor& x) const { return at::linear(x, weight, bias); }

LayerNorm::LayerNorm(std::int64_t width, double given_floor) : variance_floor(given_floor) {
  weight = register_parameter("weight", at::ones({width}));
  bias = register_parameter("bias", at::zeros({width}));
}

at::Tensor LayerNorm::forward(const at::Tensor& x) const {
  return at::layer_norm(x, weight.sizes(), weight, bias, variance_floor);
}

at::Tensor turned(const at::Tensor& x, const Rotation& by) {
  const at::Tensor pairs = x.to(by.cosine.scalar_type()).unflatten(-1, {-1, 2});
  const at::Tensor first = pairs.select(-1, 0), second = pairs.select(-1, 1);
  return at::stack({first * by.cosine - second * by.sine, second * by.cosine + first * by.sine}, -1)
      .flatten(-2)
      .to(x.scalar_type());
}

}  // namespace models
