#pragma once
// Stores that several machines filled, as one.

#include <cstdint>
#include <filesystem>
#include <span>

namespace store {

struct Merged {
  std::int64_t cases = 0;
  std::int64_t doubled = 0;  // cases that several parts hold, equal in every voxel: kept once
  std::int64_t shards = 0;
  std::int64_t size_bytes = 0;
};

// Makes the store `out`, whole or not at all. Shards are linked where the disk allows it and copied elsewhere, and each
// is compared with its part's manifest where it lies afterwards. Throws Error, naming the parts: a shard is damaged,
// they have other label names or plans, one case is in two of them with other content, or `out` is there already.
Merged merge(std::span<const std::filesystem::path> parts, const std::filesystem::path& out);

}  // namespace store
