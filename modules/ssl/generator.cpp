#include "ssl/generator.h"

#include <ATen/ATen.h>
#include <torch/nn/modules/linear.h>

#include <algorithm>
#include <string>

namespace ssl {
namespace {

using models::Extent;

constexpr std::int64_t kCoarse = 4, kWidest = 256;
constexpr double kLeak = 0.01;
constexpr Extent kOne{1, 1, 1}, kThree{3, 3, 3};

Extent coarse_grid(const Extent& extent) {
  Extent grid{};
  for (std::size_t a = 0; a < 3; ++a) grid[a] = std::min(extent[a], kCoarse);
  return grid;
}

}  // namespace

Generator::Generator(std::int64_t code, const models::Input& input, std::int64_t finest) {
  for (Extent extent = input.patch;;) {
    extents_.insert(extents_.begin(), extent);
    if (*std::max_element(extent.begin(), extent.end()) <= kCoarse) break;
    for (std::int64_t& side : extent) side = side > kCoarse ? (side + 1) / 2 : side;
  }
  const auto channels_at = [&](std::size_t step) {
    std::int64_t channels = finest;
    for (std::size_t below = step; below + 1 < extents_.size() && channels < kWidest; ++below) channels *= 2;
    return std::max(finest, std::min(channels, kWidest));
  };
  coarsest_ = channels_at(0);
  const Extent& first = extents_.front();
  begin_ = register_module("begin",
                           std::make_shared<torch::nn::LinearImpl>(code, coarsest_ * first[0] * first[1] * first[2]));
  for (std::size_t step = 1; step < extents_.size(); ++step)
    convolutions_.push_back(
        register_module("conv" + std::to_string(step),
                        std::make_shared<models::Conv>(channels_at(step - 1), channels_at(step), kThree, kOne, true)));
  out_ = register_module(
      "out", std::make_shared<models::Conv>(channels_at(extents_.size() - 1), input.channels, kOne, kOne, true));
}

at::Tensor Generator::forward(const at::Tensor& codes) const {
  const Extent& first = extents_.front();
  at::Tensor x = at::leaky_relu(begin_->as<torch::nn::LinearImpl>()->forward(codes), kLeak)
                     .view({codes.size(0), coarsest_, first[0], first[1], first[2]});
  for (std::size_t step = 0; step < convolutions_.size(); ++step) {
    x = at::upsample_nearest3d(x, extents_[step + 1]);
    x = at::leaky_relu(convolutions_[step]->forward(x), kLeak);
  }
  return out_->forward(x);
}

at::Tensor flattened(const at::Tensor& features) {
  const Extent grid = coarse_grid({features.size(2), features.size(3), features.size(4)});
  return at::adaptive_avg_pool3d(features, grid).flatten(1);
}

at::Tensor flat_features(models::Encoder& encoder, const at::Tensor& images) {
  return flattened(encoder.features(images).back());
}

std::int64_t flat_features_size(const models::Encoder& encoder, const models::Input& input) {
  const Extent stride = encoder.stride().back();
  Extent extent{};
  for (std::size_t a = 0; a < 3; ++a) extent[a] = (input.patch[a] + stride[a] - 1) / stride[a];
  const Extent grid = coarse_grid(extent);
  return encoder.channels().back() * grid[0] * grid[1] * grid[2];
}

}  // namespace ssl
