#pragma once
// One chunk of an array, as it lies in a shard. Packing and unpacking here, outside the HDF5 library, lets many threads
// do it at once.
//
// Raw tier: the voxels as they are. Compressed tier: HDF5's registered filter 32008 ("bitshuffle") with LZ4, which h5py
// reads once hdf5plugin is imported. Numbers are big endian:
//   bytes 0-7     size of the voxels
//   bytes 8-11    size of a block of voxels (kBlockVoxels of them)
//   each block    4 bytes: size of what follows; its bit planes (bit_planes.h), packed by LZ4
//   the end       voxels that make no eight, as they are
// A last block holds what eights are left.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "volume/geometry.h"

namespace store {

inline constexpr unsigned kBitshuffleFilter = 32008;  // The HDF Group's list of registered filters
inline constexpr unsigned kBitshuffleLz4 = 2;         // the filter's number for LZ4
inline constexpr std::size_t kBlockVoxels = 8192;     // 16 KiB of int16: a block and its planes stay in the L1 cache
inline constexpr int kMostCompression = 12;

// How the arrays of a case are laid out.
struct Layout {
  // 0: raw tier, the fastest to read. 1: compressed tier, LZ4. 3 .. 12: the same with LZ4 HC, slower to write only.
  int compression = 1;
  volume::Shape patch = {};  // {D, H, W} of the boxes that it will be read by; empty: not known
};

// A bit of HDF5's filter mask: the chunk was left as it is.
inline constexpr std::uint32_t kStoredPlain = 0b1;

struct PackedChunk {
  std::uint32_t left_out = 0;
  std::uint64_t checksum = 0;  // of `bytes`
  std::vector<std::byte> bytes;
};

// A part of a chunk, in bytes of its voxels.
struct ByteRange {
  std::size_t begin = 0, end = 0;
};

// The shape of the chunks of an array that is read by boxes of `patch` voxels (all axes {D, H, W}); of about 32^3 where
// that is not known (an empty shape). Small chunks make a box touch fewer voxels that are not its own: along an axis
// with chunks of C, a patch of P touches ((P - 1) / C + 1) C voxels on average, but P along depth, since chunks are
// read by slices; each chunk costs time of its own. Cut so that the last chunk of an axis is nearly as full as the
// others (33 -> 17 + 16).
volume::Shape chunk_shape(const volume::Shape& whole, std::size_t width, const volume::Shape& patch = {});

// `width` is the size of a voxel in bytes. Without compression, and where it would not shrink, the chunk is stored
// plain.
PackedChunk pack(std::span<const std::byte> raw, std::size_t width, int compression);

// The inverse: at least the voxels of `part` are written where they belong in `raw` (the size of the chunk), others may
// be. Throws core::Error when sizes contradict one another or LZ4 does not come out; what was packed may be anything.
void unpack(std::span<const std::byte> packed, std::size_t width, ByteRange part, std::span<std::byte> raw);

// When a chunk is compared with its checksum: whenever it is read, when it is first read, never.
enum class Verify { kAlways, kFirst, kNever };

// XXH3, 64 bits (Y. Collet).
std::uint64_t checksum(std::span<const std::byte> bytes);

}  // namespace store
