#pragma once
// The vision transformer as it was first. Dosovitskiy et al., "An image is worth 16x16 words", ICLR 2021; registers as
// in Darcet et al., ICLR 2024.

#include <cstdint>
#include <memory>
#include <vector>

#include "models/vit.h"

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

// Pre-norm blocks; where a token lies is added to it and known to nothing else. Names of parameters are MONAI's ViT's.
class PlainVit final : public Vit {
 public:
  PlainVit(const VitSettings& settings, const Input& input);
  at::Tensor positions(const Extent& grid) const override;
};

}  // namespace models
