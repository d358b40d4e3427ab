#pragma once
// Attention within windows of a grid of tokens. Liu et al., "Swin transformer: hierarchical vision transformer using
// shifted windows", ICCV 2021; in 3D as in MONAI, whose names of parameters these are.

#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

#include <memory>

#include "models/encoder.h"

namespace models {

// How a grid of tokens is cut into windows: along an axis that is no longer than the full window into one of its
// length, else into full ones, the last of which is filled up with zeros at the far end. Shifted windows begin half a
// window later; the tokens that are left at both ends share windows but do not look at each other.
class Windows {
 public:
  // With `first_places` a window that is smaller than the full one takes the places of the first tokens of a full one,
  // as MONAI does; else places are distances, whatever the window.
  Windows(const Extent& grid, const Extent& full, bool first_places, c10::Device device);

  // x [N, D, H, W, C] -> [N, windows, tokens of a window, C], and back.
  at::Tensor cut(const at::Tensor& x, bool shifted) const;
  at::Tensor joined(const at::Tensor& windows, bool shifted) const;

  const Extent& size() const { return size_; }
  // [T T] int64: for each token of a window and each that it looks at the row of the table of relative positions.
  const at::Tensor& places() const { return places_; }
  // [windows, 1, T, T] bool: pairs of shifted windows that do not look at each other. Undefined where nothing is
  // shifted.
  const at::Tensor& apart() const { return apart_; }

 private:
  at::Tensor blocks_of(const at::Tensor& padded) const;
  Extent grid_, size_{}, shift_{}, padded_{};
  at::Tensor places_, apart_;
};

// "attn." of a block.
struct WindowAttention : torch::nn::Module {
  WindowAttention(std::int64_t channels, std::int64_t heads, const Extent& full);
  // x [N, windows, T, C].
  at::Tensor forward(const at::Tensor& x, const Windows& windows, bool shifted);
  std::int64_t heads;
  at::Tensor relative_position_bias_table;  // [product of (2 full - 1), heads]
  std::shared_ptr<torch::nn::LinearImpl> qkv, proj;
};

// "norm1.", "attn.", "norm2.", "mlp.": tokens [N, D, H, W, C] to the same.
struct WindowBlock : torch::nn::Module {
  WindowBlock(std::int64_t channels, std::int64_t heads, const Extent& full, double mlp_ratio);
  at::Tensor forward(const at::Tensor& x, const Windows& windows, bool shifted);
  std::shared_ptr<torch::nn::LayerNormImpl> norm1, norm2;
  std::shared_ptr<WindowAttention> attn;
  std::shared_ptr<torch::nn::LinearImpl> linear1, linear2;
};

// "norm.", "reduction.": the tokens of a block of `stride` side by side, normalised, then one product to `out`
// channels. Extents are rounded up, zeros fill the last block.
struct PatchMerging : torch::nn::Module {
  PatchMerging(std::int64_t in, std::int64_t out, const Extent& stride);
  at::Tensor forward(const at::Tensor& x);
  Extent stride;
  std::shared_ptr<torch::nn::LayerNormImpl> norm;
  std::shared_ptr<torch::nn::LinearImpl> reduction;
};

// A linear layer whose weights are drawn from torch's generator, normal of deviation 0.02 cut at 2 deviations; the bias
// begins at 0.
std::shared_ptr<torch::nn::LinearImpl> drawn_linear(std::int64_t in, std::int64_t out, bool with_bias = true);

// [N, D, H, W, C] with zeros at the far end up to this extent.
at::Tensor padded_to(const at::Tensor& x, const Extent& extent);

}  // namespace models
