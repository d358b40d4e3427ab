#include "models/vit.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "core/error.h"
#include "models/extent.h"
#include "models/part_number.h"
#include "runtime/recompute.h"

namespace models {
namespace {

// [N, 1, T, T] of `extra` tokens in front and `tokens` behind them: row i may look at column j.
at::Tensor causal(const at::Tensor& prefix, std::int64_t tokens, std::int64_t extra) {
  const at::Tensor place = at::arange(-extra, tokens, prefix.options());
  const at::Tensor row = place.view({1, 1, -1, 1}), column = place.view({1, 1, 1, -1});
  return (column < 0) | (column < prefix.view({-1, 1, 1, 1})) | ((row >= 0) & (column <= row));
}

}  // namespace

Extent token_of(const std::vector<std::int64_t>& patch, const std::string& encoder) {
  if (patch.size() != 3 || std::ranges::min(patch) < 1) {
    throw core::usage_error(encoder + ": patch must be three positive numbers, along depth, height, width");
  }
  return {patch[0], patch[1], patch[2]};
}

Vit::Vit(const Extent& patch, std::int64_t width, const Input& input, std::string root)
    : patch_(patch), width_(width), inputs_(input.channels), root_(std::move(root)) {
  for (std::size_t axis = 0; axis < 3; ++axis)
    grid_[axis] = std::max<std::int64_t>(input.patch[axis] / patch_[axis], 1);
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

std::int64_t Vit::layers() const { return static_cast<std::int64_t>(parts_.blocks.size()) + 1; }

std::int64_t Vit::layer_of(const std::string& parameter) const {
  if (parameter.starts_with(root_ + "norm.")) return layers();
  return part_number(parameter, root_ + "blocks.").value_or(-1) + 1;
}

std::vector<at::Tensor> Vit::spared_from_decay() const {
  std::vector<at::Tensor> spared;
  for (const at::Tensor& each : {parts_.position_embeddings, parts_.class_token, parts_.registers}) {
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
  return at::conv3d(image, parts_.patch_weight, parts_.patch_bias, patch_).flatten(2).transpose(1, 2);
}

at::Tensor Vit::learned_positions(const Extent& grid) const {
  const at::Tensor& all = parts_.position_embeddings;
  const at::Tensor own = all.slice(1, all.size(1) - count_of(grid_));
  if (grid == grid_) return own;
  const at::Tensor picture = own.transpose(1, 2).reshape({1, width_, grid_[0], grid_[1], grid_[2]});
  return at::upsample_trilinear3d(picture, grid, /*align_corners=*/false).flatten(2).transpose(1, 2);
}

at::Tensor Vit::in_front() const {
  if (!parts_.class_token.defined()) return parts_.registers;
  return parts_.registers.defined() ? at::cat({parts_.class_token, parts_.registers}, 1) : parts_.class_token;
}

Rotation Vit::rotation(const Places&, std::int64_t, std::int64_t) const { return {}; }

at::Tensor Vit::tokens(const at::Tensor& image) { return patches(image) + positions(grid(image)); }

Vit::Encoded Vit::encode_all(const at::Tensor& tokens, const Places& places, const at::Tensor& prefix) {
  GADOLIN_CHECK(tokens.dim() == 3 && tokens.size(2) == width_);
  at::Tensor x = tokens;
  if (const at::Tensor front = in_front(); front.defined())
    x = at::cat({front.expand({tokens.size(0), front.size(1), width_}).to(tokens.scalar_type()), tokens}, 1);
  const std::int64_t extra = x.size(1) - tokens.size(1);
  std::optional<at::Tensor> may_look;
  if (prefix.defined()) may_look = causal(prefix, tokens.size(1), extra);
  const Places settled{places.grid == Extent{} ? grid_ : places.grid, places.of};
  const Rotation turn = rotation(settled, tokens.size(1), extra);
  for (const auto& block : parts_.blocks) {
    x = runtime::recomputed(
        *block, [&block = *block, may_look, turn](const auto& in) { return block.forward(in[0], may_look, turn); },
        {x});
  }
  x = parts_.norm->forward(x);
  const at::Tensor own = x.slice(1, extra);
  return {own, (parts_.class_token.defined() ? x.select(1, 0) : own.mean(1)).to(at::kFloat)};
}

std::vector<at::Tensor> Vit::features(const at::Tensor& image) {
  const Extent size = grid(image);
  return {
      encode(tokens(image), {size, {}}).transpose(1, 2).reshape({image.size(0), width_, size[0], size[1], size[2]})};
}

at::Tensor Vit::embedding(const at::Tensor& image) { return encode_all(tokens(image), {grid(image), {}}).summary; }

}  // namespace models
