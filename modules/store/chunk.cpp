#include "store/chunk.h"

#include <lz4.h>
#include <lz4hc.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "core/error.h"
#include "store/bit_planes.h"

namespace store {
namespace {

constexpr std::size_t kHeaderBytes = 12;
constexpr std::size_t kSizeBytes = 4;
constexpr std::int64_t kUsualEdge = 32;

void put(std::uint64_t value, std::size_t bytes, std::byte* out) {
  for (std::size_t i = 0; i < bytes; ++i) out[i] = static_cast<std::byte>(value >> 8 * (bytes - 1 - i));
}

std::uint64_t take(std::span<const std::byte> in, std::size_t bytes) {
  if (in.size() < bytes) throw core::Error("a chunk ends too early");
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes; ++i) value = value << 8 | std::to_integer<std::uint64_t>(in[i]);
  return value;
}

// Sizes of the blocks of so many voxels: whole ones, then what eights are left.
std::size_t block_voxels(std::size_t voxels_left) { return std::min(kBlockVoxels, voxels_left / 8 * 8); }

// 0 when it does not fit into `out`.
std::size_t pack_block(std::span<const std::byte> planes, int compression, std::span<std::byte> out) {
  const auto* from = reinterpret_cast<const char*>(planes.data());
  auto* to = reinterpret_cast<char*>(out.data());
  const int size = static_cast<int>(planes.size());
  const int room = static_cast<int>(std::min<std::size_t>(out.size(), std::numeric_limits<int>::max()));
  const int packed = compression == 1 ? LZ4_compress_default(from, to, size, room)
                                      : LZ4_compress_HC(from, to, size, room, compression);
  return static_cast<std::size_t>(std::max(packed, 0));
}

// Empty when it does not shrink.
std::vector<std::byte> packed_blocks(std::span<const std::byte> raw, std::size_t width, int compression) {
  std::vector<std::byte> out(raw.size());
  std::array<std::byte, kBlockVoxels * 8> planes;
  if (out.size() < kHeaderBytes) return {};
  put(raw.size(), 8, out.data());
  put(kBlockVoxels * width, 4, out.data() + 8);
  std::size_t done = 0, used = kHeaderBytes;
  for (std::size_t voxels = block_voxels(raw.size() / width); voxels > 0;
       voxels = block_voxels((raw.size() - done) / width)) {
    const std::span<std::byte> turned(planes.data(), voxels * width);
    to_bit_planes(raw.subspan(done, turned.size()), width, turned);
    if (out.size() - used <= kSizeBytes) return {};
    const std::size_t size = pack_block(turned, compression, std::span(out).subspan(used + kSizeBytes));
    if (size == 0) return {};
    put(size, kSizeBytes, out.data() + used);
    used += kSizeBytes + size;
    done += turned.size();
  }
  const std::size_t rest = raw.size() - done;
  if (out.size() - used <= rest) return {};
  std::memcpy(out.data() + used, raw.data() + done, rest);
  out.resize(used + rest);
  return out;
}

}  // namespace

volume::Shape chunk_shape(const volume::Shape& whole, std::size_t width, const volume::Shape& patch) {
  // Measured with boxes of 64^3, 96^3 and 160^3: a chunk costs as much as 16 KiB of voxels that are read in vain, and
  // of chunks of one size those of this proportion are the fastest, for depth costs nothing and long rows are copied at
  // once.
  constexpr double kChunkCost = 16384;
  const auto of_edge = [](std::int64_t edge) { return volume::Shape{2 * edge, edge, edge * 3 / 2}; };
  volume::Shape best{kUsualEdge, kUsualEdge, kUsualEdge};
  if (patch.voxels() > 0) {
    double least = std::numeric_limits<double>::infinity();
    for (const std::int64_t edge : {16, 24, 32, 40, 48}) {
      const volume::Shape chunk = of_edge(edge);
      double chunks = 1, touched = static_cast<double>(width);
      for (int a = 0; a < 3; ++a) {
        const auto c = static_cast<double>(std::min(chunk[a], whole[a]));
        const double met = patch[a] < whole[a] ? (static_cast<double>(patch[a]) - 1) / c + 1
                                               : static_cast<double>((whole[a] + chunk[a] - 1) / chunk[a]);
        chunks *= met;
        touched *= a == 0 ? static_cast<double>(std::min(patch[a], whole[a])) : met * c;
      }
      if (const double cost = touched + kChunkCost * chunks; cost < least) least = cost, best = chunk;
    }
  }
  const auto cut = [](std::int64_t n, std::int64_t edge) {
    const std::int64_t pieces = (n + edge - 1) / edge;
    return (n + pieces - 1) / pieces;
  };
  return {cut(whole.depth, best.depth), cut(whole.height, best.height), cut(whole.width, best.width)};
}

std::uint64_t checksum(std::span<const std::byte> bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

PackedChunk pack(std::span<const std::byte> raw, std::size_t width, int compression) {
  PackedChunk chunk;
  if (compression > 0) chunk.bytes = packed_blocks(raw, width, compression);
  if (chunk.bytes.empty()) {
    chunk.left_out = kStoredPlain;
    chunk.bytes.assign(raw.begin(), raw.end());
  }
  chunk.checksum = checksum(chunk.bytes);
  return chunk;
}

void unpack(std::span<const std::byte> packed, std::size_t width, ByteRange part, std::span<std::byte> raw) {
  if (take(packed, 8) != raw.size()) throw core::Error("a chunk's size is not that of its voxels");
  if (take(packed.subspan(8), 4) != kBlockVoxels * width) throw core::Error("a chunk has blocks of another size");
  packed = packed.subspan(kHeaderBytes);
  std::array<std::byte, kBlockVoxels * 8> planes;
  std::size_t done = 0;
  for (std::size_t voxels = block_voxels(raw.size() / width); voxels > 0;
       voxels = block_voxels((raw.size() - done) / width)) {
    const std::size_t size = take(packed, kSizeBytes), bytes = voxels * width;
    packed = packed.subspan(kSizeBytes);
    if (size > packed.size()) throw core::Error("a block of a chunk ends too early");
    if (done < part.end && part.begin < done + bytes) {
      const int got =
          LZ4_decompress_safe(reinterpret_cast<const char*>(packed.data()), reinterpret_cast<char*>(planes.data()),
                              static_cast<int>(size), static_cast<int>(bytes));
      if (got != static_cast<int>(bytes)) throw core::Error("a block of a chunk does not unpack");
      from_bit_planes(std::span(planes.data(), bytes), width, raw.subspan(done, bytes));
    }
    packed = packed.subspan(size);
    done += bytes;
  }
  if (packed.size() != raw.size() - done) throw core::Error("a chunk's size is not that of its voxels");
  std::memcpy(raw.data() + done, packed.data(), packed.size());
}

}  // namespace store
