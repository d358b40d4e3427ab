#pragma once
// Unpacked chunks of the compressed tier, kept for whoever reads them next. What lies in the raw tier is read from the
// kernel's page cache, which does the same.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/recently_used.h"

namespace store {

struct ChunkKey {
  std::int64_t case_index = 0;
  std::uint32_t array = 0;  // its number among the arrays of the case
  std::uint32_t chunk = 0;  // in C order of the chunk grid
  bool operator==(const ChunkKey&) const = default;
};

struct ChunkKeyHash {
  std::size_t operator()(const ChunkKey& key) const {
    const auto mix = [](std::uint64_t x) { return (x ^ (x >> 29)) * 0xbf58476d1ce4e5b9u; };
    const std::uint64_t place = (std::uint64_t{key.array} << 32) | key.chunk;
    return static_cast<std::size_t>(mix(mix(static_cast<std::uint64_t>(key.case_index)) ^ place));
  }
};

// The room is in bytes.
using ChunkCache = core::RecentlyUsed<ChunkKey, std::vector<std::byte>, ChunkKeyHash>;

}  // namespace store
