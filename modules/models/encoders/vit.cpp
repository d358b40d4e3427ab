#include "models/vit.h"

#include <ATen/ATen.h>

#include <cmath>
#include <optional>
#include <string>

#include "core/error.h"
#include "models/extent.h"
#include "models/part_number.h"
#include "models/transformer_block.h"
#include "runtime/recompute.h"

namespace models {
namespace {

std::int64_t product(const Extent& extent) { return extent[0] * extent[1] * extent[2]; }

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
  return at::cat(parts, 3).view({1, product(grid), width}).to(at::kFloat);
}

// [N, 1, T, T] of `extra` tokens in front and `tokens` behind them: row i may look at column j.
at::Tensor causal(const at::Tensor& prefix, std::int64_t tokens, std::int64_t extra) {
  const at::Tensor place = at::arange(-extra, tokens, prefix.options());
  const at::Tensor row = place.view({1, 1, -1, 1}), column = place.view({1, 1, 1, -1});
  return (column < 0) | (column < prefix.view({-1, 1, 1, 1})) | ((row >= 0) & (column <= row));
}

}  // namespace

struct Vit::Parts {
  at::Tensor patch_weight, patch_bias;
  std::vector<std::shared_ptr<TransformerBlock>> blocks;
  std::shared_ptr<TokenNorm> norm;
};

Vit::Vit(const VitSettings& settings, const Input& input)
    : patch_{settings.patch[0], settings.patch[1], settings.patch[2]},
      width_(settings.width),
      inputs_(input.channels),
      parts_(std::make_shared<Parts>()) {
  for (std::size_t axis = 0; axis < 3; ++axis)
    grid_[axis] = std::max<std::int64_t>(input.patch[axis] / patch_[axis], 1);
  const auto embedding = register_module("patch_embedding", std::make_shared<torch::nn::Module>());
  const auto convolution = embedding->register_module("patch_embeddings", std::make_shared<torch::nn::Module>());
  parts_->patch_weight =
      convolution->register_parameter("weight", at::randn({width_, inputs_, patch_[0], patch_[1], patch_[2]}) /
                                                    std::sqrt(static_cast<double>(inputs_ * product(patch_))));
  parts_->patch_bias = convolution->register_parameter("bias", at::zeros({width_}));
  if (settings.learned_positions) {
    position_embeddings_ =
        embedding->register_parameter("position_embeddings", drawn_for_tokens({1, product(grid_), width_}));
  }
  if (settings.class_token) class_token_ = register_parameter("cls_token", drawn_for_tokens({1, 1, width_}));
  if (settings.registers > 0)
    registers_ = register_parameter("register_tokens", drawn_for_tokens({1, settings.registers, width_}));
  const auto list = register_module("blocks", std::make_shared<torch::nn::Module>());
  const auto hidden = static_cast<std::int64_t>(std::llround(settings.mlp_ratio * static_cast<double>(width_)));
  for (std::int64_t b = 0; b < settings.depth; ++b) {
    parts_->blocks.push_back(
        list->register_module(std::to_string(b), std::make_shared<TransformerBlock>(width_, settings.heads, hidden)));
  }
  parts_->norm = register_module("norm", std::make_shared<TokenNorm>(width_));
}

void Vit::check_extent(const Extent& extent) const {
  Extent fits;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    fits[axis] = std::max<std::int64_t>((extent[axis] + patch_[axis] / 2) / patch_[axis], 1) * patch_[axis];
  }
  if (fits == extent) return;
  throw core::usage_error("an image of " + to_text(extent) + " voxels cannot be cut into tokens of " + to_text(patch_),
                          "take multiples, such as " + to_text(fits));
}

std::int64_t Vit::layers() const { return static_cast<std::int64_t>(parts_->blocks.size()) + 1; }

std::int64_t Vit::layer_of(const std::string& parameter) const {
  if (parameter.starts_with("norm.")) return layers();
  return part_number(parameter, "blocks.").value_or(-1) + 1;
}

std::vector<at::Tensor> Vit::spared_from_decay() const {
  std::vector<at::Tensor> spared;
  for (const at::Tensor& each : {position_embeddings_, class_token_, registers_}) {
    if (each.defined()) spared.push_back(each);
  }
  return spared;
}

Extent Vit::grid(const at::Tensor& image) const {
  GADOLIN_CHECK(image.dim() == 5 && image.size(1) == inputs_);
  const Extent extent{image.size(2), image.size(3), image.size(4)};
  check_extent(extent);
  return {extent[0] / patch_[0], extent[1] / patch_[1], extent[2] / patch_[2]};
}

at::Tensor Vit::patches(const at::Tensor& image) {
  grid(image);  // checks
  return at::conv3d(image, parts_->patch_weight, parts_->patch_bias, patch_).flatten(2).transpose(1, 2);
}

at::Tensor Vit::positions(const Extent& grid) const {
  if (position_embeddings_.defined()) {
    if (grid == grid_) return position_embeddings_;
    const at::Tensor picture = position_embeddings_.transpose(1, 2).reshape({1, width_, grid_[0], grid_[1], grid_[2]});
    return at::upsample_trilinear3d(picture, grid, /*align_corners=*/false).flatten(2).transpose(1, 2);
  }
  std::array<at::Tensor, 3> places;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const double step = static_cast<double>(grid_[axis]) / static_cast<double>(grid[axis]);
    places[axis] = (at::arange(grid[axis], at::kDouble) + 0.5) * step - 0.5;
  }
  return waves(places, width_).to(parts_->patch_weight.device());
}

at::Tensor Vit::tokens(const at::Tensor& image) { return patches(image) + positions(grid(image)); }

Vit::Encoded Vit::encode_all(const at::Tensor& tokens, const at::Tensor& prefix) {
  GADOLIN_CHECK(tokens.dim() == 3 && tokens.size(2) == width_);
  std::vector<at::Tensor> all;
  for (const at::Tensor& extra : {class_token_, registers_}) {
    if (extra.defined()) all.push_back(extra.expand({tokens.size(0), extra.size(1), width_}).to(tokens.scalar_type()));
  }
  all.push_back(tokens);
  at::Tensor x = at::cat(all, 1);
  std::optional<at::Tensor> may_look;
  if (prefix.defined()) may_look = causal(prefix, tokens.size(1), x.size(1) - tokens.size(1));
  for (const auto& block : parts_->blocks) {
    x = runtime::recomputed(
        *block, [&block = *block, may_look](const auto& in) { return block.forward(in[0], may_look); }, {x});
  }
  x = parts_->norm->forward(x);
  const at::Tensor own = x.slice(1, x.size(1) - tokens.size(1));
  return {own, (class_token_.defined() ? x.select(1, 0) : own.mean(1)).to(at::kFloat)};
}

std::vector<at::Tensor> Vit::features(const at::Tensor& image) {
  const Extent size = grid(image);
  return {encode(tokens(image)).transpose(1, 2).reshape({image.size(0), width_, size[0], size[1], size[2]})};
}

at::Tensor Vit::embedding(const at::Tensor& image) { return encode_all(tokens(image)).summary; }

std::shared_ptr<Encoder> VitSettings::make(const Input& input) const {
  if (patch.size() != 3 || patch[0] < 1 || patch[1] < 1 || patch[2] < 1) {
    throw core::usage_error("vit: patch must be three positive numbers, along depth, height, width");
  }
  if (width % heads != 0 || width % 2 != 0) {
    throw core::usage_error("vit: width " + std::to_string(width) + " must be even and a multiple of heads (" +
                            std::to_string(heads) + ")");
  }
  const auto vit = std::make_shared<Vit>(*this, input);
  vit->check_extent(input.patch);
  return vit;
}

extern const EncoderEntry vit_entry;
const EncoderEntry vit_entry{"vit", "vision transformer: for masked modelling of tokens and self-distillation",
                             [] { return std::unique_ptr<EncoderSettings>(std::make_unique<VitSettings>()); }};

}  // namespace models
