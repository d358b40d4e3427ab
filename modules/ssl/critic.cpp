#include "ssl/critic.h"

#include <ATen/ATen.h>
#include <torch/nn/modules/linear.h>

#include <algorithm>
#include <string>

namespace ssl {
namespace {

constexpr double kSlope = 0.2;  // as in Radford et al., ICLR 2016

}  // namespace

Critic::Critic(const models::Input& input, std::int64_t base, std::int64_t code) {
  models::Extent extent = input.patch;
  std::int64_t in = input.channels, out = base;
  do {
    models::Extent stride{};
    for (std::size_t a = 0; a < 3; ++a) {
      stride[a] = extent[a] > 4 ? 2 : 1;
      extent[a] = (extent[a] + stride[a] - 1) / stride[a];
    }
    halvings_.push_back(
        register_module("conv" + std::to_string(halvings_.size()),
                        std::make_shared<models::Conv>(in, out, models::Extent{3, 3, 3}, stride, true)));
    in = out;
    out = std::min(2 * out, 8 * base);
  } while (*std::max_element(extent.begin(), extent.end()) > 4);
  hidden_ = register_module("hidden", std::make_shared<torch::nn::LinearImpl>(in + code, in + code));
  score_ = register_module("score", std::make_shared<torch::nn::LinearImpl>(in + code, 1));
}

at::Tensor Critic::forward(const at::Tensor& pictures, const at::Tensor& codes) const {
  at::Tensor x = pictures;
  for (const auto& halving : halvings_) x = at::leaky_relu(halving->forward(x), kSlope);
  x = x.mean({2, 3, 4});
  if (codes.defined()) x = at::cat({x, codes.to(x.scalar_type())}, 1);
  x = at::leaky_relu(hidden_->as<torch::nn::LinearImpl>()->forward(x), kSlope);
  return score_->as<torch::nn::LinearImpl>()->forward(x).squeeze(1);
}

}  // namespace ssl
