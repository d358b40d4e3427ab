#include "models/primus_decoder.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "core/error.h"
#include "runtime/recompute.h"

namespace models {
namespace {

constexpr double kVarianceFloor = 1e-6;

// {8, 8, 2} -> {2, 2, 1}, {2, 2, 1}, {2, 2, 2}: a side is doubled in the last steps.
std::vector<Extent> steps_to(const Extent& patch) {
  const auto halvings = [](std::int64_t side) { return std::countr_zero(static_cast<std::uint64_t>(side)); };
  const int count = halvings(std::ranges::max(patch));
  std::vector<Extent> steps;
  for (int step = 0; step < count; ++step) {
    Extent stride;
    for (std::size_t axis = 0; axis < 3; ++axis) stride[axis] = count - step <= halvings(patch[axis]) ? 2 : 1;
    steps.push_back(stride);
  }
  return steps;
}

std::int64_t to_eights(double channels) {
  return std::max<std::int64_t>(8, 8 * static_cast<std::int64_t>(std::nearbyint((channels + 1e-6) / 8)));
}

}  // namespace

PrimusDecoder::Step::Step(std::int64_t in, std::int64_t out, const Extent& stride) {
  up = register_module("0", std::make_shared<UpConv>(in, out, stride));
  norm = register_module("1", std::make_shared<LayerNorm>(out, kVarianceFloor));
}

at::Tensor PrimusDecoder::Step::forward(const at::Tensor& x) const {
  return at::gelu(norm->forward(up->forward(x).permute({0, 2, 3, 4, 1}))).permute({0, 4, 1, 2, 3});
}

PrimusDecoder::PrimusDecoder(const Extent& patch, std::int64_t width, std::int64_t outputs, bool deep_supervision) {
  const auto list = register_module("decode", std::make_shared<torch::nn::Module>());
  const std::vector<Extent> strides = steps_to(patch);
  GADOLIN_CHECK(!strides.empty());
  const auto begin = static_cast<double>(width);
  const double fall = std::pow(begin / (2.0 * static_cast<double>(outputs)), 1.0 / static_cast<double>(strides.size()));
  std::int64_t in = width;
  for (std::size_t s = 0; s + 1 < strides.size(); ++s) {
    const std::int64_t out = to_eights(begin / std::pow(fall, static_cast<double>(s + 1)));
    steps_.push_back(list->register_module(std::to_string(s), std::make_shared<Step>(in, out, strides[s])));
    in = out;
  }
  last_ =
      list->register_module(std::to_string(strides.size() - 1), std::make_shared<UpConv>(in, outputs, strides.back()));
  if (!deep_supervision) return;
  const auto heads = register_module("seg_layers", std::make_shared<torch::nn::Module>());
  for (std::size_t s = 0; s < steps_.size(); ++s) {
    heads_.push_back(heads->register_module(
        std::to_string(s), std::make_shared<Conv>(steps_[s]->norm->weight.size(0), outputs, Extent{1, 1, 1},
                                                  Extent{1, 1, 1}, /*with_bias=*/true)));
  }
}

std::vector<at::Tensor> PrimusDecoder::maps(const std::vector<at::Tensor>& features, const at::Tensor& image) {
  GADOLIN_CHECK(features.size() == 1);
  std::vector<at::Tensor> maps;
  at::Tensor x = features.front();
  for (std::size_t s = 0; s < steps_.size(); ++s) {
    x = runtime::recomputed(*steps_[s], [&step = *steps_[s]](const auto& in) { return step.forward(in[0]); }, {x});
    if (!heads_.empty() && is_training()) maps.push_back(heads_[s]->forward(x));
  }
  maps.push_back(last_->forward(x));
  std::ranges::reverse(maps);
  GADOLIN_CHECK(maps.front().sizes().slice(2) == image.sizes().slice(2));
  return maps;
}

std::vector<Extent> PrimusDecoder::extents(const Extent& image) const {
  std::vector<Extent> all{image};
  if (heads_.empty() || !is_training()) return all;
  Extent extent = image;
  for (std::size_t s = steps_.size(); s-- > 0;) {
    const Extent& finer = s + 1 == steps_.size() ? last_->stride : steps_[s + 1]->up->stride;
    for (std::size_t axis = 0; axis < 3; ++axis) extent[axis] /= finer[axis];
    all.push_back(extent);
  }
  return all;
}

}  // namespace models
