#pragma once
// A vision transformer on cubes of voxels. Dosovitskiy et al., "An image is worth 16x16 words", ICLR 2021; registers as
// in Darcet et al., ICLR 2024.

#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "models/encoder.h"

namespace models {

struct VitSettings : EncoderSettings {
  std::vector<std::int64_t> patch{8, 8, 8};
  std::int64_t width = 192;
  std::int64_t depth = 6;
  std::int64_t heads = 3;
  double mlp_ratio = 4;
  bool class_token = true;
  std::int64_t registers = 0;
  bool learned_positions = false;

  static constexpr auto fields() {
    return std::tuple{
        core::field("patch", &VitSettings::patch, "voxels of one token along depth, height, width"),
        core::field("width", &VitSettings::width, "channels of a token; even, a multiple of heads",
                    core::Range{6, 4096}),
        core::field("depth", &VitSettings::depth, "blocks", core::Range{1, 64}),
        core::field("heads", &VitSettings::heads, "attention heads of a block", core::Range{1, 64}),
        core::field("mlp_ratio", &VitSettings::mlp_ratio, "width of a block's hidden layer over width",
                    core::Range{0.5, 16}),
        core::field("class_token", &VitSettings::class_token, "one token that gathers what the picture is"),
        core::field("registers", &VitSettings::registers, "tokens for scratch, dropped at the end", core::Range{0, 64}),
        core::field("learned_positions", &VitSettings::learned_positions,
                    "position codes are trained; else fixed sines and cosines"),
    };
  }
  std::vector<core::Slot> slots() override { return core::slots_of(*this); }
  std::shared_ptr<Encoder> make(const Input& input) const override;
};

// Pre-norm blocks. Scale 0, the only one, is the grid of tokens as a picture of `width` channels. The order of tokens
// is that of voxels: width fastest. Extents must be multiples of the patch; the grid may differ from that of training.
class Vit : public Encoder {
 public:
  Vit(const VitSettings& settings, const Input& input);

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
  // token) do it between the two. positions is [1, T, width], interpolated trilinearly for another grid.
  at::Tensor tokens(const at::Tensor& image);
  at::Tensor patches(const at::Tensor& image);
  at::Tensor positions(const Extent& grid) const;

  // What the blocks and the last norm make of any subset of tokens, in any order. The class token and the registers are
  // put in front and taken off again: `tokens` is [N, T', width] in the order given, `summary` [N, width] the class
  // token, or the mean over tokens where there is none.
  struct Encoded {
    at::Tensor tokens, summary;
  };
  // With `prefix` [N] int64 a token looks at those before it in the order given and at the first prefix[n] of its
  // picture, the class token and the registers at the first prefix[n] alone: no token of place i >= prefix[n] knows of
  // a later one. As in El-Nouby et al., "Scalable pre-training of large autoregressive image models", ICML 2024.
  Encoded encode_all(const at::Tensor& tokens, const at::Tensor& prefix = {});
  at::Tensor encode(const at::Tensor& tokens) { return encode_all(tokens).tokens; }

 private:
  struct Parts;  // patch embedding, blocks, last norm
  Extent patch_;
  std::int64_t width_, inputs_;
  Extent grid_;                                               // of the training patches
  at::Tensor position_embeddings_, class_token_, registers_;  // undefined where there are none
  std::shared_ptr<Parts> parts_;
};

}  // namespace models
