#include "ssl/token_blocks.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/rng.h"

namespace ssl {
namespace {

constexpr int kDraws = 64;

models::Extent side_of(const models::Extent& grid, double share) {
  models::Extent side{};
  for (std::size_t a = 0; a < 3; ++a)
    side[a] = std::clamp<std::int64_t>(std::llround(std::cbrt(share) * static_cast<double>(grid[a])), 1, grid[a]);
  return side;
}

std::vector<std::int64_t> drawn_block(const models::Extent& grid, const models::Extent& side, core::Rng& rng) {
  models::Extent first{};
  for (std::size_t a = 0; a < 3; ++a)
    first[a] = static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(grid[a] - side[a] + 1)));
  std::vector<std::int64_t> places;
  for (std::int64_t d = first[0]; d < first[0] + side[0]; ++d)
    for (std::int64_t h = first[1]; h < first[1] + side[1]; ++h)
      for (std::int64_t w = first[2]; w < first[2] + side[2]; ++w) places.push_back((d * grid[1] + h) * grid[2] + w);
  return places;
}

}  // namespace

TokenBlocks token_blocks(const models::Extent& grid, const TokenBlocksShape& shape, std::uint64_t key) {
  GADOLIN_CHECK(shape.targets >= 1);
  core::Rng rng({key, 0, 0, 0});
  for (int draw = 0; draw < kDraws; ++draw) {
    const models::Extent side = side_of(grid, rng.uniform(shape.target_low, shape.target_high));
    std::vector<at::Tensor> targets;
    std::set<std::int64_t> taken;
    for (std::int64_t i = 0; i < shape.targets; ++i) {
      const std::vector<std::int64_t> block = drawn_block(grid, side, rng);
      taken.insert(block.begin(), block.end());
      targets.push_back(at::tensor(block, at::kLong));
    }
    std::vector<std::int64_t> context =
        drawn_block(grid, side_of(grid, rng.uniform(shape.context_low, shape.context_high)), rng);
    std::erase_if(context, [&](std::int64_t place) { return taken.contains(place); });
    if (!context.empty()) return {at::tensor(context, at::kLong), at::stack(targets)};
  }
  throw core::usage_error("the blocks to be predicted leave nothing to predict them from in a grid of " +
                              std::to_string(grid[0] * grid[1] * grid[2]) + " tokens",
                          "take fewer or smaller blocks, or smaller tokens (encoder.patch)");
}

}  // namespace ssl
