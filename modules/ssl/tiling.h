#pragma once
// A picture cut into tiles, for methods that ask where a tile lay. Against shortcuts there is a gap between the cells,
// each tile lies anywhere in its cell, and each is brought to mean 0 and variance 1 by itself: neither edges that
// continue nor brightness tell the place. Doersch et al., ICCV 2015; Noroozi and Favaro, ECCV 2016.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/rng.h"
#include "models/encoder.h"

namespace ssl {

// `extent` where the encoder takes it, else as many whole coarsest strides (a ViT's tokens) of it; none where that is
// not taken either.
std::optional<models::Extent> taken_within(const models::Encoder& encoder, const models::Extent& extent);
// Tiles [..., d, h, w], each brought to mean 0 and variance 1 over its last three axes (1e-6 is added to the variance:
// a tile of one value is 0). float32 or better.
at::Tensor each_standardised(const at::Tensor& tiles);

// side^3 cells of a patch, numbered {d, h, w}, width fastest.
class Tiling {
 public:
  // gap: the share of a cell's side that the tile leaves free. The tile is the largest that the encoder takes within
  // the rest. Throws usage Error when there is none.
  Tiling(const models::Encoder& encoder, const models::Input& input, std::int64_t side, double gap);

  std::int64_t cells() const { return side_ * side_ * side_; }
  const models::Extent& tile() const { return tile_; }

  // Where each tile of one picture begins, [cells()], drawn.
  std::vector<models::Extent> draw(core::Rng& rng) const;
  // The tile of picture [C, D, H, W] whose corner is `begin`: [C, d, h, w], each_standardised.
  at::Tensor cut(const at::Tensor& picture, const models::Extent& begin) const;

 private:
  std::int64_t side_;
  models::Extent cell_{}, tile_{};
};

}  // namespace ssl
