#pragma once
// One row of a view: where its voxels lie in the picture they are taken from, and their values there. With the widest
// vectors the processor has (Google Highway); products and sums are rounded one by one, so every processor gives the
// same bits. Pure; the caller sees to it that spans are long enough.
//
// Coordinates are indices of the case's grid, axes {d, h, w}, so that a place does not depend on the box that was read.
// In single precision: along 4096 voxels a place is off by at most 0.0005 of one.

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "augment/voxel_place.h"
#include "volume/reorient.h"

namespace augment {

// Elements behind the end of a row that may be read and written: whole vectors are worked on.
inline constexpr std::size_t kRowPadding = 64;

using RowSource = voxel::Box;
// Throws Error for a box of more than 2^31 voxels.
RowSource box_of(const volume::VoxelBox& box, const volume::Shape& of_case);

// Found once for all channels of the picture.
struct RowPlaces {
  explicit RowPlaces(std::size_t width);
  std::size_t width;
  std::vector<std::int32_t> corner;        // offset of the lowest of the eight neighbours
  std::array<std::vector<float>, 3> part;  // of the way to the upper neighbour
  std::vector<std::uint8_t> inside;        // 1: of the case
};

// `bend`: rows as long as a view's row and its padding, or none. Where a voxel would lie outside of the box, it lies at
// the nearest place of it.
struct RowLine : voxel::Line {
  const std::array<std::vector<float>, 3>* bend = nullptr;
};
void find_row(const RowSource& source, const RowLine& line, RowPlaces& places);

// Trilinear; exact where a place is a voxel's. `in` is one channel of the box; what is interpolated becomes
// number * scale + offset. Of int16 a box is at least two voxels wide and has at most 2^30 voxels: two neighbours are
// fetched at once.
struct RowScale {
  float scale = 1, offset = 0;
};
void interpolate_row(const RowSource& source, const RowPlaces& places, const float* in, const RowScale& scale,
                     float* out);
void interpolate_row(const RowSource& source, const RowPlaces& places, const std::int16_t* in, const RowScale& scale,
                     float* out);

}  // namespace augment
