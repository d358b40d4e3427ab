#include "ssl/hidden_blocks.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "core/error.h"
#include "models/extent.h"
#include "models/vit.h"

namespace ssl {

using models::Extent;
using models::to_text;

Extent natural_block(const models::Encoder& encoder, const models::Input& input) {
  if (const auto* vit = dynamic_cast<const models::Vit*>(&encoder)) return vit->patch();
  Extent block{};
  for (std::size_t a = 0; a < 3; ++a) block[a] = std::min<std::int64_t>(input.patch[a] >= 96 ? 16 : 8, input.patch[a]);
  return block;
}

Extent chosen_block(const std::vector<std::int64_t>& given, const models::Encoder& encoder,
                    const models::Input& input) {
  if (given.empty()) return natural_block(encoder, input);
  if (given.size() == 1) return {given[0], given[0], given[0]};
  if (given.size() == 3) return {given[0], given[1], given[2]};
  throw core::usage_error("method.block has " + std::to_string(given.size()) + " numbers",
                          "block: [16, 16, 16], or one number for all three");
}

void check_blocks(const models::Input& input, const Extent& block, double hidden, const Extent& unit) {
  std::int64_t blocks = 1;
  for (std::size_t a = 0; a < 3; ++a) {
    if (block[a] < 1 || block[a] > input.patch[a])
      throw core::usage_error("blocks of " + to_text(block) + " voxels do not fit a patch of " + to_text(input.patch),
                              "leave method.block empty for a size that suits");
    if (block[a] % unit[a] != 0)
      throw core::usage_error("blocks of " + to_text(block) + " voxels do not fit an encoder that looks at " +
                                  to_text(unit) + " voxels as one",
                              "a block must be a multiple of that along each axis; leave method.block empty for a "
                              "size that suits");
    blocks *= (input.patch[a] + block[a] - 1) / block[a];
  }
  const std::int64_t gone = std::llround(hidden * static_cast<double>(blocks));
  if (gone < 1 || gone >= blocks)
    throw core::usage_error("of " + std::to_string(blocks) + " blocks " + std::to_string(gone) +
                                " would be hidden: there must be one at least, and one left to see",
                            "take smaller blocks (method.block) or another share (method.hidden)");
}

augment::Recipe hiding(const volume::Shape& patch, const models::Extent& block, double hidden,
                       const augment::Warp& warp, const augment::Mirror& mirror) {
  augment::Masked settings{warp, mirror, {}};
  settings.mask.hidden = hidden;
  settings.mask.block.assign(block.begin(), block.end());
  return augment::masked(patch, settings);
}

at::Tensor hidden_tokens(const at::Tensor& hidden, const Extent& token) {
  return hidden.select(1, 0)
      .slice(1, 0, std::nullopt, token[0])
      .slice(2, 0, std::nullopt, token[1])
      .slice(3, 0, std::nullopt, token[2])
      .flatten(1);
}

at::Tensor picture_of(const at::Tensor& numbers, std::int64_t channels, const Extent& grid, const Extent& token) {
  const std::int64_t n = numbers.size(0);
  return numbers.reshape({n, grid[0], grid[1], grid[2], channels, token[0], token[1], token[2]})
      .permute({0, 4, 1, 5, 2, 6, 3, 7})
      .reshape({n, channels, grid[0] * token[0], grid[1] * token[1], grid[2] * token[2]});
}

at::Tensor cut_to(const at::Tensor& pictures, const Extent& extent) {
  return pictures.slice(2, 0, extent[0]).slice(3, 0, extent[1]).slice(4, 0, extent[2]);
}

}  // namespace ssl
