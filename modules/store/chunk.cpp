#include "store/chunk.h"

#include <libdeflate.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "core/error.h"

namespace store {
namespace {

constexpr std::size_t kChecksumBytes = 4;
constexpr std::int64_t kEdge = 32;

struct Free {
  void operator()(libdeflate_compressor* one) const { libdeflate_free_compressor(one); }
  void operator()(libdeflate_decompressor* one) const { libdeflate_free_decompressor(one); }
};

std::vector<std::byte> shuffled(std::span<const std::byte> raw, std::size_t width) {
  std::vector<std::byte> planes(raw.size());
  const std::size_t count = raw.size() / width;
  for (std::size_t plane = 0; plane < width; ++plane) {
    std::byte* out = planes.data() + plane * count;
    for (std::size_t i = 0; i < count; ++i) out[i] = raw[i * width + plane];
  }
  return planes;
}

template <std::size_t kWidth>
void unshuffle(const std::byte* planes, std::size_t count, std::byte* raw) {
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t plane = 0; plane < kWidth; ++plane) raw[i * kWidth + plane] = planes[plane * count + i];
  }
}

void unshuffle(std::span<const std::byte> planes, std::size_t width, std::span<std::byte> raw) {
  const std::size_t count = raw.size() / width;
  if (width == 1) return unshuffle<1>(planes.data(), count, raw.data());
  if (width == 2) return unshuffle<2>(planes.data(), count, raw.data());
  if (width == 4) return unshuffle<4>(planes.data(), count, raw.data());
  GADOLIN_CHECK(width == 8);
  unshuffle<8>(planes.data(), count, raw.data());
}

// The ones' complement sum's representative: 0 for nothing but zeros, else 1 .. 65535.
std::uint64_t folded(std::uint64_t sum) { return sum == 0 ? 0 : (sum - 1) % 65535 + 1; }

bool deflate(std::span<const std::byte> planes, int level, std::vector<std::byte>& packed) {
  const std::unique_ptr<libdeflate_compressor, Free> engine(libdeflate_alloc_compressor(level));
  if (!engine) throw std::bad_alloc();
  packed.resize(planes.size());
  const std::size_t size =
      libdeflate_zlib_compress(engine.get(), planes.data(), planes.size(), packed.data(), packed.size());
  packed.resize(size);
  return size > 0;
}

}  // namespace

volume::Shape chunk_shape(const volume::Shape& whole) {
  const auto edge = [](std::int64_t n) {
    const std::int64_t pieces = (n + kEdge - 1) / kEdge;
    return (n + pieces - 1) / pieces;
  };
  return {edge(whole.depth), edge(whole.height), edge(whole.width)};
}

std::uint32_t fletcher32(std::span<const std::byte> bytes) {
  constexpr std::size_t kBlock = 4096;  // words after which 64 bits are folded
  std::uint64_t low = 0, high = 0;
  const std::size_t words = bytes.size() / 2;
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  for (std::size_t done = 0; done < words; done += kBlock) {
    const std::size_t end = std::min(words, done + kBlock);
    for (std::size_t i = done; i < end; ++i) {
      low += static_cast<std::uint64_t>(at[2 * i]) << 8 | at[2 * i + 1];
      high += low;
    }
    low = folded(low);
    high = folded(high);
  }
  if (bytes.size() % 2 != 0) {
    low = folded(low + (static_cast<std::uint64_t>(at[bytes.size() - 1]) << 8));
    high = folded(high + low);
  }
  return static_cast<std::uint32_t>(high << 16 | low);
}

PackedChunk pack(std::span<const std::byte> raw, std::size_t width, int level) {
  PackedChunk chunk;
  if (level <= 0 ||
      !deflate(width == 1 ? std::vector(raw.begin(), raw.end()) : shuffled(raw, width), level, chunk.bytes)) {
    chunk.left_out = kStoredPlain;
    chunk.bytes.assign(raw.begin(), raw.end());
  }
  const std::uint32_t sum = fletcher32(chunk.bytes);
  for (int byte = 0; byte < 4; ++byte) chunk.bytes.push_back(static_cast<std::byte>(sum >> (8 * byte) & 0xff));
  return chunk;
}

void unpack(std::span<const std::byte> packed, std::uint32_t left_out, std::size_t width, std::span<std::byte> raw) {
  if (packed.size() < kChecksumBytes) throw core::Error("a chunk is cut short");
  const std::span<const std::byte> body = packed.first(packed.size() - kChecksumBytes);
  std::uint32_t sum = 0;
  for (int byte = 0; byte < 4; ++byte) sum |= static_cast<std::uint32_t>(packed[body.size() + byte]) << (8 * byte);
  if (sum != fletcher32(body)) throw core::Error("the checksum of a chunk does not match");
  if (left_out == kStoredPlain) {
    if (body.size() != raw.size()) throw core::Error("a chunk has the wrong size");
    std::copy(body.begin(), body.end(), raw.begin());
    return;
  }
  thread_local const std::unique_ptr<libdeflate_decompressor, Free> engine(libdeflate_alloc_decompressor());
  if (!engine) throw std::bad_alloc();
  thread_local std::vector<std::byte> planes;
  planes.resize(raw.size());
  std::byte* const target = width == 1 ? raw.data() : planes.data();
  if (left_out != 0 || libdeflate_zlib_decompress(engine.get(), body.data(), body.size(), target, raw.size(),
                                                  nullptr) != LIBDEFLATE_SUCCESS) {
    throw core::Error("a chunk cannot be unpacked");
  }
  if (width > 1) unshuffle(planes, width, raw);
}

}  // namespace store
