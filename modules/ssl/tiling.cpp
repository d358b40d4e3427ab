#include "ssl/tiling.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "core/error.h"
#include "losses/precision.h"
#include "models/extent.h"

namespace ssl {
namespace {

using models::Extent;

bool takes(const models::Encoder& encoder, const Extent& extent) {
  if (*std::min_element(extent.begin(), extent.end()) < 1) return false;
  try {
    encoder.check_extent(extent);
  } catch (const core::Error&) {
    return false;
  }
  return true;
}

}  // namespace

std::optional<Extent> taken_within(const models::Encoder& encoder, const Extent& extent) {
  if (takes(encoder, extent)) return extent;
  const Extent stride = encoder.stride().back();
  Extent whole = extent;
  for (std::size_t a = 0; a < 3; ++a) whole[a] -= whole[a] % stride[a];
  if (takes(encoder, whole)) return whole;
  return std::nullopt;
}

at::Tensor each_standardised(const at::Tensor& tiles) {
  const at::Tensor wide = losses::at_least_float(tiles), centred = wide - wide.mean({-3, -2, -1}, /*keepdim=*/true);
  return centred / (centred.square().mean({-3, -2, -1}, true) + 1e-6).sqrt();
}

Tiling::Tiling(const models::Encoder& encoder, const models::Input& input, std::int64_t side, double gap)
    : side_(side) {
  Extent most{};
  for (std::size_t a = 0; a < 3; ++a) {
    cell_[a] = input.patch[a] / side;
    most[a] = static_cast<std::int64_t>(std::floor(static_cast<double>(cell_[a]) * (1 - gap)));
  }
  const std::optional<Extent> tile = taken_within(encoder, most);
  if (!tile)
    throw core::usage_error(
        "a patch of " + models::to_text(input.patch) + " voxels in " + std::to_string(side) +
            " cells along each axis leaves no tile that the encoder takes",
        "take a larger patch (data.patch), a smaller method.gap, or an encoder of fewer stages (resenc, "
        "resnet) or smaller tokens (vit)");
  tile_ = *tile;
}

std::vector<Extent> Tiling::draw(core::Rng& rng) const {
  std::vector<Extent> begins;
  for (std::int64_t cell = 0; cell < cells(); ++cell) {
    const Extent place{cell / (side_ * side_), cell / side_ % side_, cell % side_};
    Extent begin{};
    for (std::size_t a = 0; a < 3; ++a)
      begin[a] = place[a] * cell_[a] +
                 static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(cell_[a] - tile_[a]) + 1));
    begins.push_back(begin);
  }
  return begins;
}

at::Tensor Tiling::cut(const at::Tensor& picture, const Extent& begin) const {
  at::Tensor tile = picture;
  for (std::size_t a = 0; a < 3; ++a) tile = tile.narrow(static_cast<std::int64_t>(a) + 1, begin[a], tile_[a]);
  return each_standardised(tile);
}

}  // namespace ssl
