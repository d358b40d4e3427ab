#pragma once
// Vision transformers on cubes of voxels: what all kinds of them (plain_vit.h, primus.h) are to methods and decoders.

#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "models/encoder.h"
#include "models/token_parts.h"

namespace models {

// Where the tokens of a picture lie.
struct Places {
  Extent grid{};  // of the whole picture; zeros: that of the training patch
  at::Tensor of;  // [N or 1, T'] int64: of each token, counted in the order of voxels; undefined: all, in that order
};

// Scale 0, the only one, is the grid of tokens as a picture of `width` channels. The order of tokens is that of voxels:
// width fastest. Extents must be multiples of the patch; the grid may differ from that of training.
class Vit : public Encoder {
 public:
  std::vector<at::Tensor> features(const at::Tensor& image) override;
  std::vector<std::int64_t> channels() const override { return {width_}; }
  std::vector<Extent> stride() const override { return {patch_}; }
  at::Tensor embedding(const at::Tensor& image) override;
  void check_extent(const Extent& extent) const override;
  std::int64_t layers() const override;
  std::int64_t layer_of(const std::string& parameter) const override;
  std::vector<at::Tensor> spared_from_decay() const override;

  const Extent& patch() const { return patch_; }
  std::int64_t width() const { return width_; }
  // Tokens along each axis for this image.
  Extent grid(const at::Tensor& image) const;

  // tokens = patches + positions: [N, T, width], T the product of the grid. Methods that replace tokens (a learned mask
  // token) do it between the two. positions is [1, T, width], learned ones interpolated trilinearly for another grid.
  at::Tensor tokens(const at::Tensor& image);
  at::Tensor patches(const at::Tensor& image);
  virtual at::Tensor positions(const Extent& grid) const = 0;

  // What the blocks and the last norm make of any subset of tokens, in any order. The class token and the registers are
  // put in front and taken off again: `tokens` is [N, T', width] in the order given, `summary` [N, width] the class
  // token, or the mean over tokens where there is none.
  struct Encoded {
    at::Tensor tokens, summary;
  };
  // `places` must be said wherever the tokens are not all of a training patch in order: there are kinds whose attention
  // goes by them. With `prefix` [N] int64 a token looks at those before it in the order given and at the first
  // prefix[n] of its picture, the class token and the registers at the first prefix[n] alone: no token of place i >=
  // prefix[n] knows of a later one. As in El-Nouby et al., "Scalable pre-training of large autoregressive image
  // models", ICML 2024.
  Encoded encode_all(const at::Tensor& tokens, const Places& places = {}, const at::Tensor& prefix = {});
  at::Tensor encode(const at::Tensor& tokens, const Places& places = {}) { return encode_all(tokens, places).tokens; }

 protected:
  // What a kind is made of; it registers them below `root` under names of its own.
  struct Parts {
    at::Tensor patch_weight, patch_bias;  // [width, C, d, h, w], [width]
    at::Tensor position_embeddings;       // [1, in front and training grid, width]; undefined: none are learned
    at::Tensor class_token, registers;    // [1, n, width]; undefined where there are none
    std::vector<std::shared_ptr<TokenBlock>> blocks;  // "blocks.B."
    std::shared_ptr<LayerNorm> norm;                  // "norm."
  };
  Vit(const Extent& patch, std::int64_t width, const Input& input, std::string root);

  // The learned positions, for any grid.
  at::Tensor learned_positions(const Extent& grid) const;
  // [1, n, width] that is put in front of the tokens; undefined: nothing.
  virtual at::Tensor in_front() const;
  // Of `tokens` tokens behind `in_front` others, which are not turned.
  virtual Rotation rotation(const Places& places, std::int64_t tokens, std::int64_t in_front) const;

  Extent patch_;
  std::int64_t width_, inputs_;
  Extent grid_;  // of the training patches
  std::string root_;
  Parts parts_;
};

// {8, 8, 8} of a setting of three positive numbers; throws usage Error for anything else.
Extent token_of(const std::vector<std::int64_t>& patch, const std::string& encoder);

inline std::int64_t count_of(const Extent& grid) { return grid[0] * grid[1] * grid[2]; }

}  // namespace models
