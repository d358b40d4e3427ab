#pragma once
// The chunks of an array that a box touches, and the rows they share.

#include <algorithm>
#include <array>
#include <cstdint>

#include "store/summary.h"

namespace store {

// body(position in C order of the chunk grid, the chunk's box, cut off at the array's end) for every chunk that the box
// touches.
template <class Body>
void for_each_chunk(const volume::Shape& whole, const volume::Shape& chunk, const Box& box, Body&& body) {
  std::array<std::int64_t, 3> first{}, last{}, count{};
  for (int a = 0; a < 3; ++a) {
    first[a] = box.begin[a] / chunk[a];
    last[a] = (box.begin[a] + box.shape[a] - 1) / chunk[a];
    count[a] = (whole[a] + chunk[a] - 1) / chunk[a];
  }
  const auto extent = [&](int a, std::int64_t i) { return std::min(chunk[a], whole[a] - i * chunk[a]); };
  for (std::int64_t d = first[0]; d <= last[0]; ++d) {
    for (std::int64_t h = first[1]; h <= last[1]; ++h) {
      for (std::int64_t w = first[2]; w <= last[2]; ++w) {
        body((d * count[1] + h) * count[2] + w,
             Box{{d * chunk.depth, h * chunk.height, w * chunk.width}, {extent(0, d), extent(1, h), extent(2, w)}});
      }
    }
  }
}

// body(offset in a, offset in b, voxels) for every row that boxes a and b share; offsets in voxels of arrays of the
// shapes a_rows and b_rows that begin at the boxes' begins.
template <class Body>
void for_each_shared_row(const Box& a, const volume::Shape& a_rows, const Box& b, const volume::Shape& b_rows,
                         Body&& body) {
  std::array<std::int64_t, 3> low{}, high{};
  for (int axis = 0; axis < 3; ++axis) {
    low[axis] = std::max(a.begin[axis], b.begin[axis]);
    high[axis] = std::min(a.begin[axis] + a.shape[axis], b.begin[axis] + b.shape[axis]);
  }
  const auto offset = [](const Box& box, const volume::Shape& rows, std::int64_t d, std::int64_t h, std::int64_t w) {
    return ((d - box.begin[0]) * rows.height + h - box.begin[1]) * rows.width + w - box.begin[2];
  };
  for (std::int64_t d = low[0]; d < high[0]; ++d) {
    for (std::int64_t h = low[1]; h < high[1]; ++h) {
      body(offset(a, a_rows, d, h, low[2]), offset(b, b_rows, d, h, low[2]), high[2] - low[2]);
    }
  }
}

}  // namespace store
