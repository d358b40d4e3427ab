#include "augment/ops/block_mask.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.h"

namespace augment {
namespace {

// Which of `count` blocks are hidden: exactly the share, rounded.
std::vector<std::uint8_t> choose(std::int64_t count, double share, std::uint64_t seed) {
  core::Rng rng({seed, 0, 0, 0});
  std::vector<std::uint8_t> chosen(static_cast<std::size_t>(count));
  const std::int64_t wanted = std::llround(share * static_cast<double>(count));
  std::fill_n(chosen.begin(), wanted, std::uint8_t{1});
  for (std::size_t i = chosen.size(); i > 1; --i) std::swap(chosen[i - 1], chosen[rng.below(i)]);
  return chosen;
}

class BlockMaskOp final : public Op {
 public:
  explicit BlockMaskOp(const BlockMask& settings) : settings_(settings) {
    if (settings_.block.size() == 1) settings_.block.assign(3, settings_.block[0]);
    const bool positive =
        std::all_of(settings_.block.begin(), settings_.block.end(), [](auto side) { return side > 0; });
    if (settings_.block.size() != 3 || !positive) {
      throw core::usage_error("augmentation block_mask: a block has 3 sides of at least 1 voxel",
                              "block: [16, 16, 16], or one number for all three");
    }
  }
  std::string_view name() const override { return "block_mask"; }
  bool hides() const override { return true; }

  Drawn draw(const core::DrawKey& key, const volume::Frame&, const volume::Shape&) const override {
    core::Rng rng(key);
    if (!rng.chance(settings_.chance)) return drawn();
    return written(settings_.hidden, draw_seed(rng));
  }
  Drawn identity(const volume::Frame&, const volume::Shape&) const override { return written(0, 1); }

  void change(const Drawn& drawn, const Patch& patch) const override {
    GADOLIN_CHECK(!patch.hidden.empty());
    const volume::Shape& shape = patch.image.shape;
    const auto [side, blocks, chosen, erase] = hidden_blocks(drawn, shape);
    std::size_t at = 0;
    for (std::int64_t d = 0; d < shape.depth; ++d) {
      for (std::int64_t h = 0; h < shape.height; ++h) {
        const std::int64_t row = ((d / side[0]) * blocks[1] + h / side[1]) * blocks[2];
        for (std::int64_t w = 0; w < shape.width; ++w, ++at) {
          if (!chosen[static_cast<std::size_t>(row + w / side[2])]) continue;
          patch.hidden[at] = 1;
          for (std::int64_t c = 0; erase && c < patch.image.channels; ++c) patch.image.channel(c)[at] = 0;
        }
      }
    }
  }

 private:
  Drawn written(double share, std::uint64_t seed) const {
    std::vector<double> values;
    for (const std::int64_t side : settings_.block) values.push_back(static_cast<double>(side));
    values.push_back(share);
    values.push_back(settings_.erase ? 1 : 0);
    push_seed(values, seed);
    return drawn(std::move(values));
  }

  BlockMask settings_;
};

}  // namespace

HiddenBlocks hidden_blocks(const Drawn& drawn, const volume::Shape& view) {
  drawn.require(7);
  HiddenBlocks hidden;
  for (std::size_t a = 0; a < 3; ++a) {
    drawn.require(drawn.values[a] >= 1 && drawn.values[a] <= 1e6, "block");
    hidden.side[a] = static_cast<std::int64_t>(drawn.values[a]);
    hidden.blocks[a] = (view[static_cast<int>(a)] + hidden.side[a] - 1) / hidden.side[a];
  }
  drawn.require(drawn.values[3] >= 0 && drawn.values[3] <= 1, "share");
  const std::int64_t count = hidden.blocks[0] * hidden.blocks[1] * hidden.blocks[2];
  hidden.chosen = choose(count, drawn.values[3], seed_at(drawn.values, 5));
  hidden.erase = drawn.values[4] == 1;
  return hidden;
}

OpPointer make(const BlockMask& settings) { return std::make_shared<const BlockMaskOp>(settings); }
const OpEntry block_mask_entry = entry_of<BlockMaskOp, BlockMask>("block_mask", "hides blocks of the view");

}  // namespace augment
