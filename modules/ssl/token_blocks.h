#pragma once
// Which tokens a predictor of embeddings sees and which it predicts.

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "models/encoder.h"

namespace ssl {

struct TokenBlocksShape {
  std::int64_t targets = 4;
  double target_low = 0.15, target_high = 0.2;    // share of the picture of a target block
  double context_low = 0.85, context_high = 1.0;  // of the context block, before targets are taken out
};

// Places of tokens in the grid's order {d, h, w}, width fastest, int64 on the CPU: `context` [V], ascending, none of
// which is in a target; `targets` [B, M], blocks of one size that may overlap. Sides are the cube root of the share,
// each block's place is drawn. The same key, the same blocks. Throws usage Error when no context is left in 64 draws.
struct TokenBlocks {
  at::Tensor context, targets;
};
TokenBlocks token_blocks(const models::Extent& grid, const TokenBlocksShape& shape, std::uint64_t key);

}  // namespace ssl
