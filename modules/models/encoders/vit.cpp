#include <ATen/ATen.h>

#include <array>
#include <cmath>
#include <optional>
#include <string>

#include "core/error.h"
#include "models/plain_vit.h"
#include "models/transformer_block.h"

namespace models {
namespace {

// Sines and cosines of each axis side by side: width / 6 wavelengths from 2 pi to 2 pi 10^4 tokens; channels that are
// left over are 0. `at` are the places of the grid's tokens along each axis, in tokens of the training grid.
at::Tensor waves(const std::array<at::Tensor, 3>& at_tokens, std::int64_t width) {
  const std::int64_t each = width / 6;
  const at::Tensor rate = at::pow(1e-4, at::arange(each, at::kDouble) / static_cast<double>(each));
  const Extent grid{at_tokens[0].size(0), at_tokens[1].size(0), at_tokens[2].size(0)};
  std::vector<at::Tensor> parts;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const at::Tensor angle = at::outer(at_tokens[axis], rate);
    std::vector<std::int64_t> shape{1, 1, 1, 2 * each};
    shape[axis] = grid[axis];
    parts.push_back(at::cat({angle.sin(), angle.cos()}, 1).view(shape).expand({grid[0], grid[1], grid[2], 2 * each}));
  }
  parts.push_back(at::zeros({grid[0], grid[1], grid[2], width - 6 * each}, at::kDouble));
  return at::cat(parts, 3).view({1, count_of(grid), width}).to(at::kFloat);
}

}  // namespace

PlainVit::PlainVit(const VitSettings& settings, const Input& input)
    : Vit(token_of(settings.patch, "vit"), settings.width, input, "") {
  const auto embedding = register_module("patch_embedding", std::make_shared<torch::nn::Module>());
  const auto convolution = embedding->register_module("patch_embeddings", std::make_shared<torch::nn::Module>());
  parts_.patch_weight =
      convolution->register_parameter("weight", at::randn({width_, inputs_, patch_[0], patch_[1], patch_[2]}) /
                                                    std::sqrt(static_cast<double>(inputs_ * count_of(patch_))));
  parts_.patch_bias = convolution->register_parameter("bias", at::zeros({width_}));
  if (settings.learned_positions) {
    parts_.position_embeddings =
        embedding->register_parameter("position_embeddings", drawn_for_tokens({1, count_of(grid_), width_}));
  }
  if (settings.class_token) parts_.class_token = register_parameter("cls_token", drawn_for_tokens({1, 1, width_}));
  if (settings.registers > 0)
    parts_.registers = register_parameter("register_tokens", drawn_for_tokens({1, settings.registers, width_}));
  const auto list = register_module("blocks", std::make_shared<torch::nn::Module>());
  const auto hidden = static_cast<std::int64_t>(std::llround(settings.mlp_ratio * static_cast<double>(width_)));
  for (std::int64_t b = 0; b < settings.depth; ++b) {
    parts_.blocks.push_back(
        list->register_module(std::to_string(b), std::make_shared<TransformerBlock>(width_, settings.heads, hidden)));
  }
  parts_.norm = register_module("norm", std::make_shared<LayerNorm>(width_, kTokenVarianceFloor));
}

at::Tensor PlainVit::positions(const Extent& grid) const {
  if (parts_.position_embeddings.defined()) return learned_positions(grid);
  std::array<at::Tensor, 3> places;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const double step = static_cast<double>(grid_[axis]) / static_cast<double>(grid[axis]);
    places[axis] = (at::arange(grid[axis], at::kDouble) + 0.5) * step - 0.5;
  }
  return waves(places, width_).to(parts_.patch_weight.device());
}

std::shared_ptr<Encoder> VitSettings::make(const Input& input) const {
  token_of(patch, "vit");
  if (width % heads != 0 || width % 2 != 0) {
    throw core::usage_error("vit: width " + std::to_string(width) + " must be even and a multiple of heads (" +
                            std::to_string(heads) + ")");
  }
  const auto vit = std::make_shared<PlainVit>(*this, input);
  vit->check_extent(input.patch);
  return vit;
}

extern const EncoderEntry vit_entry;
const EncoderEntry vit_entry{"vit", "vision transformer: for masked modelling of tokens and self-distillation",
                             [] { return std::unique_ptr<EncoderSettings>(std::make_unique<VitSettings>()); }};

}  // namespace models
