#include "ssl/registration_head.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/nn/modules/linear.h>

#include "losses/precision.h"
#include "ssl/generator.h"
#include "ssl/warp_by.h"

namespace ssl {
namespace {

using models::Extent;

constexpr std::int64_t kJoined = 32, kHidden = 64;
constexpr double kSlope = 0.01, kMost = 0.5;
constexpr Extent kOne{1, 1, 1}, kThree{3, 3, 3};

at::Tensor through(const std::shared_ptr<torch::nn::Module>& linear, const at::Tensor& rows) {
  return linear->as<torch::nn::LinearImpl>()->forward(rows);
}

}  // namespace

RegistrationHead::RegistrationHead(const models::Encoder& encoder, const models::Input& input, std::int64_t dense) {
  const std::int64_t channels = encoder.channels().back(), cells = flat_features_size(encoder, input) / channels;
  join_ = register_module("join", std::make_shared<models::Conv>(2 * channels, kJoined, kThree, kOne, true));
  hidden_ = register_module("hidden", std::make_shared<torch::nn::LinearImpl>(kJoined * cells, kHidden));
  const auto affine = std::make_shared<torch::nn::LinearImpl>(kHidden, 12);
  affine_ = register_module("affine", affine);
  merge_ = register_module("merge", std::make_shared<models::Conv>(2 * dense, dense, kThree, kOne, true));
  local_ = register_module("local", std::make_shared<models::Conv>(dense, 3, kThree, kOne, true));
  const at::NoGradGuard no_gradient;
  for (const at::Tensor& last : {affine->weight, affine->bias, local_->weight}) last.zero_();
}

Moves RegistrationHead::moves(const Seen& fixed, const Seen& moving) const {
  const losses::WithoutAutocast exact;
  const auto both = [](const at::Tensor& a, const at::Tensor& b) {
    return at::cat({losses::at_least_float(a), losses::at_least_float(b)}, 1);
  };
  const at::Tensor joined = at::leaky_relu(join_->forward(both(fixed.coarsest, moving.coarsest)), kSlope);
  const at::Tensor raw = through(affine_, at::leaky_relu(through(hidden_, flattened(joined)), kSlope));
  Moves moves;
  moves.maps = kMost * at::tanh(raw).view({-1, 3, 4});
  const auto extent = fixed.dense.sizes().slice(2);
  const at::Tensor indices = indices_of(extent, raw.options().requires_grad(false));
  const at::Tensor there = warp_by(moving.dense, affine_displacement(moves.maps, indices, extent));
  moves.local = local_->forward(at::leaky_relu(merge_->forward(both(fixed.dense, there)), kSlope));
  moves.total = moves.local + affine_displacement(moves.maps, indices + moves.local, extent);
  return moves;
}

}  // namespace ssl
