#pragma once
// A gzip file unpacked in one go by libdeflate, which takes less than half of zlib's time and wants the whole file and
// the whole result in memory. Only what is sound and not too large goes this way: for everything else nothing comes
// back, and ByteSource reads it piece by piece, or tells what is wrong with it. Not shared between threads.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include "volume/voxel_memory.h"

namespace io {

inline constexpr std::uint64_t kLargestAtOnce = std::uint64_t{192} << 20;  // of the packed file

class GzipWhole {
 public:
  // Nothing when it is no gzip file, is larger than kLargestAtOnce or cannot be read.
  static std::optional<GzipWhole> of(const std::filesystem::path& path);

  // The first `size` bytes unpacked; fewer where fewer come.
  std::vector<std::byte> head(std::size_t size) const;
  // All of it. Nothing when it is not one sound member of exactly `size` bytes.
  std::optional<volume::VoxelMemory> unpacked(std::uint64_t size) const;

 private:
  explicit GzipWhole(std::span<const std::byte> bytes) : bytes_(bytes) {}
  std::span<const std::byte> bytes_;  // in this thread's buffer, until the next one is made
};

}  // namespace io
