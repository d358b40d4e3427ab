#pragma once
// One chunk of an array, packed as HDF5's own filters would: byte shuffle, deflate, Fletcher-32 in this order. Packing
// and unpacking here, outside the library, lets many threads do it at once; any HDF5 tool reads the result.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "volume/geometry.h"

namespace store {

// Bits of HDF5's filter mask: which filters of the pipeline were left out for a chunk.
inline constexpr std::uint32_t kStoredPlain = 0b011;  // neither shuffled nor deflated; the checksum is always there

struct PackedChunk {
  std::uint32_t left_out = 0;
  std::vector<std::byte> bytes;
};

// About 32 voxels an axis {D, H, W}, cut so that the last chunk is nearly as full as the others (33 -> 17 + 16).
volume::Shape chunk_shape(const volume::Shape& whole);

// `width` is the size of a voxel in bytes. What does not shrink is stored plain, and so is all at level 0.
PackedChunk pack(std::span<const std::byte> raw, std::size_t width, int level);

// The inverse, into `raw`. Throws core::Error when the checksum or the size is not right.
void unpack(std::span<const std::byte> packed, std::uint32_t left_out, std::size_t width, std::span<std::byte> raw);

// As the HDF5 library computes it: 16-bit words, first byte high.
std::uint32_t fletcher32(std::span<const std::byte> bytes);

}  // namespace store
