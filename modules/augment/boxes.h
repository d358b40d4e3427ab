#pragma once
// Boxes within a view: what inpaint, outpaint and cutout replace or keep.

#include <cstdint>
#include <span>
#include <vector>

#include "augment/block.h"
#include "augment/drawn.h"
#include "core/rng.h"

namespace augment {

// Appends 1 to `most` boxes, six numbers each: {d, h, w} of the first voxel, then the three sides. A side is between
// the parts `low` and `high` of the view's and at least one voxel; every place where the box fits is equally likely.
void push_boxes(std::vector<double>& values, core::Rng& rng, const volume::Shape& view, std::int64_t most, double low,
                double high);

// [D, H, W]: 1 where a voxel lies in one of the boxes that the drawn values hold from `first` on. Throws Error when
// these are no boxes within the view; sides may be 0.
std::vector<std::uint8_t> inside_boxes(const Drawn& drawn, std::size_t first, const volume::Shape& view);

// Where marked, hidden becomes 1.
void hide(const Patch& patch, std::span<const std::uint8_t> marked);

// Hides, and the image becomes there uniform noise from the lowest to the highest voxel of its channel. Voxel
// i of channel c gets word i % 4 of Philox4x32-10 with counter {i / 4, c, 0, 0}.
void hide_with_noise(const Patch& patch, std::span<const std::uint8_t> marked, std::uint64_t seed);

}  // namespace augment
