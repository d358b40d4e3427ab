#pragma once
#include <array>

#include "augment/ops.h"

namespace augment {

// Hides blocks of the view, aligned with its first voxel: the mask says which. The image keeps what is hidden, because
// a learner compares with it, unless `erase`. Drawn: 3 sides of a block, the share hidden, 1 to erase, a seed in two.
struct BlockMask {
  double chance = 1;
  double hidden = 0.6;
  std::vector<std::int64_t> block{16, 16, 16};
  bool erase = false;

  static constexpr auto fields() {
    return std::tuple{
        core::field("chance", &BlockMask::chance, "chance", core::Range{0, 1}),
        core::field("hidden", &BlockMask::hidden, "share of the blocks that are hidden", core::Range{0, 1}),
        core::field("block", &BlockMask::block, "side of a block in voxels, {d, h, w} or one number for all",
                    core::Range{1, 1024}),
        core::field("erase", &BlockMask::erase, "also set the hidden voxels to 0"),
    };
  }
};
OpPointer make(const BlockMask& settings);

// What was drawn, for a view of this shape. Throws Error for values that do not fit.
struct HiddenBlocks {
  std::array<std::int64_t, 3> side{}, blocks{};  // voxels of a block, blocks of the view
  std::vector<std::uint8_t> chosen;              // 1: hidden, [d, h, w]
  bool erase = false;
};
HiddenBlocks hidden_blocks(const Drawn& drawn, const volume::Shape& view);

}  // namespace augment
