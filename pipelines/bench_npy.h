#pragma once
// Voxels as NumPy keeps them, for peers that are Python packages.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace pipelines {

// `type` as NumPy writes it: "<i2", "<f4". Width fastest. Throws Error when the file cannot be written.
void write_npy(const std::filesystem::path& path, const std::vector<std::int64_t>& shape, const std::string& type,
               std::span<const std::byte> bytes);

}  // namespace pipelines
