#pragma once
// Primus: a vision transformer made for segmentation in 3D. Wald et al., "Primus: enforcing attention usage for 3D
// medical image segmentation", arXiv 2503.01835; its blocks are those of Fang et al., "EVA-02", 2023.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "models/vit.h"

namespace models {

struct PrimusSettings : EncoderSettings {
  std::string size;
  std::vector<std::int64_t> patch{8, 8, 8};
  std::int64_t width = 396;
  std::int64_t depth = 12;
  std::int64_t heads = 6;
  double mlp_ratio = 8.0 / 3;
  std::int64_t registers = 0;
  double layer_scale = 0.1;
  bool learned_positions = true;

  static constexpr auto fields() {
    return std::tuple{
        core::field("size", &PrimusSettings::size,
                    "S, B, M or L of the paper, with 23, 91, 144 or 322 million weights: decides width, depth and "
                    "heads; empty: as these say, which is S where nothing is said"),
        core::field("patch", &PrimusSettings::patch,
                    "voxels of one token along depth, height, width: powers of 2, for the decoder's sake"),
        core::field("width", &PrimusSettings::width, "channels of a token, a multiple of 6 heads",
                    core::Range{6, 4096}),
        core::field("depth", &PrimusSettings::depth, "blocks", core::Range{1, 64}),
        core::field("heads", &PrimusSettings::heads, "attention heads of a block", core::Range{1, 64}),
        core::field("mlp_ratio", &PrimusSettings::mlp_ratio, "width of a block's hidden layer over width",
                    core::Range{0.5, 16}),
        core::field("registers", &PrimusSettings::registers, "tokens for scratch, dropped at the end",
                    core::Range{0, 64}),
        core::field("layer_scale", &PrimusSettings::layer_scale,
                    "what a block's two branches are multiplied by at first (LayerScale)", core::Range{1e-6, 10}),
        core::field("learned_positions", &PrimusSettings::learned_positions,
                    "position codes are trained and added to the tokens, beside the rotary ones"),
    };
  }
  std::vector<core::Slot> slots() override { return core::slots_of(*this); }
  std::shared_ptr<Encoder> make(const Input& input) const override;
  // With width, depth and heads as the size decides. Throws as size_named.
  PrimusSettings sized() const;
};

// What sets it apart from the plain kind: queries and keys are turned by where their tokens lie (a third of a head's
// pairs for each axis, wavelengths from 2 pi to 2 pi 10^4 tokens), so attention goes by how far two tokens lie apart,
// in tokens of whatever grid; a gated hidden layer (SwiGLU), norms inside of both branches, LayerScale. There is no
// class token: the summary is the mean over tokens. Registers are not turned.
//
// Names, shapes and numbers are those of Primus in dynamic_network_architectures 0.4.4, without stochastic depth
// ("down_projection.", "eva.", "register_tokens"; of its decoder see primus_decoder.h).
class Primus final : public Vit {
 public:
  Primus(const PrimusSettings& settings, const Input& input);
  at::Tensor positions(const Extent& grid) const override;  // zeros where none are learned

 private:
  at::Tensor in_front() const override;
  Rotation rotation(const Places& places, std::int64_t tokens, std::int64_t in_front) const override;
  std::int64_t pairs_;  // of channels of a head, for each axis
};

}  // namespace models
