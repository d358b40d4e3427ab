#pragma once
// Contiguous voxels [C, D, H, W], width fastest, owned by somebody else: what an op's arithmetic sees instead of a
// tensor.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "volume/geometry.h"
#include "volume/reorient.h"
#include "volume/volume.h"

namespace augment {

template <class T>
struct Block {
  T* data = nullptr;
  std::int64_t channels = 0;
  volume::Shape shape;

  std::span<T> channel(std::int64_t c) const {
    return {data + c * shape.voxels(), static_cast<std::size_t>(shape.voxels())};
  }
};

// The part of a case that was read: voxels of `box`, a box of the case's grid, in the types they are kept in.
struct Source {
  std::span<const volume::Volume* const> channels;  // null: the case lacks it; 0 in the view
  const volume::Volume* labels = nullptr;           // or none
  volume::VoxelBox box;
  volume::Shape case_shape;
};

// A view being made. Spans are [D, H, W]; labels, hidden and kept are empty when there are none.
struct Patch {
  Block<float> image;
  std::span<std::int64_t> labels;
  std::span<std::uint8_t> valid;   // 1 where the voxel lies inside the case
  std::span<std::uint8_t> hidden;  // 1 where an op hid it
  Block<float> kept;               // the image as it was at `keep`
};

inline bool all_valid(std::span<const std::uint8_t> valid) {
  return valid.empty() || std::memchr(valid.data(), 0, valid.size()) == nullptr;
}

}  // namespace augment
