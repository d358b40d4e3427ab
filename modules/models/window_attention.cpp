#include "models/window_attention.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"

namespace models {
namespace {

constexpr double kDeviation = 0.02;  // of the first weights

at::Tensor drawn(at::IntArrayRef shape) { return at::randn(shape).clamp_(-2, 2) * kDeviation; }

std::int64_t product(const Extent& extent) { return extent[0] * extent[1] * extent[2]; }

std::shared_ptr<torch::nn::LayerNormImpl> norm_of(std::int64_t channels) {
  return std::make_shared<torch::nn::LayerNormImpl>(torch::nn::LayerNormOptions({channels}));
}

// Under autocast a branch comes in bfloat16; what it is added to stays as it is.
at::Tensor added(const at::Tensor& x, const at::Tensor& more) { return x + more.to(x.scalar_type()); }

// [T, T] of a window of this size: rows of the table of a `full` one.
at::Tensor places_of(const Extent& size, const Extent& full, c10::Device device) {
  at::Tensor places;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const at::Tensor token = at::arange(size[axis], at::TensorOptions(at::kLong).device(device));
    const at::Tensor away = token.unsqueeze(1) - token.unsqueeze(0) + (full[axis] - 1);
    std::vector<std::int64_t> shape(6, 1);
    shape[axis] = shape[axis + 3] = size[axis];
    const at::Tensor own = away.view(shape);
    places = places.defined() ? places * (2 * full[axis] - 1) + own : own;
  }
  return places.reshape({product(size), product(size)});
}

// 0, 1 or 2 for each token of an axis: which part of the shifted grid it belongs to.
at::Tensor parts_of(std::int64_t length, std::int64_t window, std::int64_t shift, c10::Device device) {
  const at::Tensor token = at::arange(length, at::TensorOptions(at::kLong).device(device));
  if (shift == 0) return at::zeros_like(token);
  return (token >= length - window).to(at::kLong) + (token >= length - shift).to(at::kLong);
}

}  // namespace

std::shared_ptr<torch::nn::LinearImpl> drawn_linear(std::int64_t in, std::int64_t out, bool with_bias) {
  auto layer = std::make_shared<torch::nn::LinearImpl>(torch::nn::LinearOptions(in, out).bias(with_bias));
  const at::NoGradGuard no_gradient;
  layer->weight.copy_(drawn({out, in}));
  if (with_bias) layer->bias.zero_();
  return layer;
}

at::Tensor padded_to(const at::Tensor& x, const Extent& extent) {
  const std::vector<std::int64_t> more{
      0, 0, 0, extent[2] - x.size(3), 0, extent[1] - x.size(2), 0, extent[0] - x.size(1)};
  return std::ranges::max(more) == 0 ? x : at::constant_pad_nd(x, more);
}

Windows::Windows(const Extent& grid, const Extent& full, bool first_places, c10::Device device) : grid_(grid) {
  bool any_shift = false;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const bool one = grid[axis] <= full[axis];
    size_[axis] = one ? grid[axis] : full[axis];
    shift_[axis] = one ? 0 : full[axis] / 2;
    padded_[axis] = (grid[axis] + size_[axis] - 1) / size_[axis] * size_[axis];
    any_shift = any_shift || shift_[axis] > 0;
  }
  const std::int64_t tokens = product(size_);
  places_ = first_places ? places_of(full, full, device).slice(0, 0, tokens).slice(1, 0, tokens)
                         : places_of(size_, full, device);
  places_ = places_.reshape({tokens * tokens});
  if (!any_shift) return;
  std::array<at::Tensor, 3> part;
  for (std::size_t axis = 0; axis < 3; ++axis) part[axis] = parts_of(padded_[axis], size_[axis], shift_[axis], device);
  const at::Tensor all =
      part[0].view({1, -1, 1, 1, 1}) * 9 + part[1].view({1, 1, -1, 1, 1}) * 3 + part[2].view({1, 1, 1, -1, 1});
  const at::Tensor cut = blocks_of(all).view({-1, tokens});
  apart_ = (cut.unsqueeze(1) != cut.unsqueeze(2)).unsqueeze(1);
}

at::Tensor Windows::blocks_of(const at::Tensor& padded) const {
  const std::int64_t n = padded.size(0), channels = padded.size(4);
  return padded
      .view({n, padded_[0] / size_[0], size_[0], padded_[1] / size_[1], size_[1], padded_[2] / size_[2], size_[2],
             channels})
      .permute({0, 1, 3, 5, 2, 4, 6, 7})
      .reshape({n, product(padded_) / product(size_), product(size_), channels});
}

at::Tensor Windows::cut(const at::Tensor& x, bool shifted) const {
  GADOLIN_CHECK(x.dim() == 5 && x.size(1) == grid_[0] && x.size(2) == grid_[1] && x.size(3) == grid_[2]);
  at::Tensor padded = padded_to(x, padded_).contiguous();
  if (shifted && apart_.defined()) padded = at::roll(padded, {-shift_[0], -shift_[1], -shift_[2]}, {1, 2, 3});
  return blocks_of(padded);
}

at::Tensor Windows::joined(const at::Tensor& windows, bool shifted) const {
  const std::int64_t n = windows.size(0), channels = windows.size(3);
  at::Tensor padded = windows
                          .reshape({n, padded_[0] / size_[0], padded_[1] / size_[1], padded_[2] / size_[2], size_[0],
                                    size_[1], size_[2], channels})
                          .permute({0, 1, 4, 2, 5, 3, 6, 7})
                          .reshape({n, padded_[0], padded_[1], padded_[2], channels});
  if (shifted && apart_.defined()) padded = at::roll(padded, {shift_[0], shift_[1], shift_[2]}, {1, 2, 3});
  return padded.slice(1, 0, grid_[0]).slice(2, 0, grid_[1]).slice(3, 0, grid_[2]);
}

WindowAttention::WindowAttention(std::int64_t channels, std::int64_t given_heads, const Extent& full)
    : heads(given_heads) {
  GADOLIN_CHECK(channels % heads == 0);
  relative_position_bias_table = register_parameter(
      "relative_position_bias_table", drawn({(2 * full[0] - 1) * (2 * full[1] - 1) * (2 * full[2] - 1), heads}));
  qkv = register_module("qkv", drawn_linear(channels, 3 * channels));
  proj = register_module("proj", drawn_linear(channels, channels));
}

// In plain products: torch's fused attention takes another way once the bias wants a gradient, and a part that is
// computed again would not give the same bits.
at::Tensor WindowAttention::forward(const at::Tensor& x, const Windows& windows, bool shifted) {
  const std::int64_t n = x.size(0), count = x.size(1), tokens = x.size(2), channels = x.size(3);
  const std::int64_t each = channels / heads;
  const auto split = qkv->forward(x).view({n, count, tokens, 3, heads, each}).permute({3, 0, 1, 4, 2, 5}).unbind(0);
  const at::Tensor bias =
      relative_position_bias_table.index_select(0, windows.places()).view({tokens, tokens, heads}).permute({2, 0, 1});
  at::Tensor scores = at::matmul(split[0] / std::sqrt(static_cast<double>(each)), split[1].transpose(3, 4)) + bias;
  if (shifted && windows.apart().defined())
    scores = scores.masked_fill(windows.apart(), -std::numeric_limits<double>::infinity());
  const at::Tensor mixed = at::matmul(scores.softmax(4), split[2]);
  return proj->forward(mixed.transpose(2, 3).reshape({n, count, tokens, channels}));
}

WindowBlock::WindowBlock(std::int64_t channels, std::int64_t heads, const Extent& full, double mlp_ratio) {
  norm1 = register_module("norm1", norm_of(channels));
  attn = register_module("attn", std::make_shared<WindowAttention>(channels, heads, full));
  norm2 = register_module("norm2", norm_of(channels));
  const auto mlp = register_module("mlp", std::make_shared<torch::nn::Module>());
  const auto hidden = static_cast<std::int64_t>(mlp_ratio * static_cast<double>(channels));
  linear1 = mlp->register_module("linear1", drawn_linear(channels, hidden));
  linear2 = mlp->register_module("linear2", drawn_linear(hidden, channels));
}

at::Tensor WindowBlock::forward(const at::Tensor& x, const Windows& windows, bool shifted) {
  const at::Tensor cut = windows.cut(norm1->forward(x), shifted);
  const at::Tensor y = added(x, windows.joined(attn->forward(cut, windows, shifted), shifted));
  return added(y, linear2->forward(at::gelu(linear1->forward(norm2->forward(y)))));
}

PatchMerging::PatchMerging(std::int64_t in, std::int64_t out, const Extent& given_stride) : stride(given_stride) {
  norm = register_module("norm", norm_of(in * product(stride)));
  reduction = register_module("reduction", drawn_linear(in * product(stride), out, /*with_bias=*/false));
}

// The order of a block's tokens is MONAI's: first those that lie 0 axes away from the first, then 1, 2, 3, of each the
// ones along d before h before w.
at::Tensor PatchMerging::forward(const at::Tensor& x) {
  Extent extent{};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const std::int64_t length = x.size(static_cast<std::int64_t>(axis) + 1);
    extent[axis] = (length + stride[axis] - 1) / stride[axis] * stride[axis];
  }
  const at::Tensor whole = padded_to(x, extent);
  std::vector<at::Tensor> parts;
  constexpr std::array<Extent, 8> kOrder{Extent{0, 0, 0}, Extent{1, 0, 0}, Extent{0, 1, 0}, Extent{0, 0, 1},
                                         Extent{1, 1, 0}, Extent{1, 0, 1}, Extent{0, 1, 1}, Extent{1, 1, 1}};
  for (const Extent& first : kOrder) {
    if (first[0] >= stride[0] || first[1] >= stride[1] || first[2] >= stride[2]) continue;
    at::Tensor part = whole;
    for (std::size_t axis = 0; axis < 3; ++axis)
      part = part.slice(static_cast<std::int64_t>(axis) + 1, first[axis], std::nullopt, stride[axis]);
    parts.push_back(part);
  }
  const at::Tensor merged = reduction->forward(norm->forward(at::cat(parts, 4)));
  return merged.scalar_type() == at::kDouble ? merged : merged.to(at::kFloat);
}

}  // namespace models
