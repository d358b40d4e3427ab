#pragma once
// Pictures in files: the ordered table of formats. Adding one = one file in formats/, one line in format.cpp; the
// contract suite (tests/io/format_test.cpp) walks the table.
//
// Voxels keep the type they have in the file; a linear scale in the header becomes Volume::scale and offset. Files
// turn to LPS millimetres here and nowhere else. 3-D only: 2-D and several components are refused, and 4-D where nobody
// asks for one volume of it. Every header,
// length and checksum is proven before a byte is allocated or a library sees the file: a damaged file is a core::Error
// with a code (reject.h), never a crash, never zeros. Safe to call from many threads.

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "volume/volume.h"

namespace io {

inline constexpr std::uint64_t kLargestImageBytes = std::uint64_t{16} << 30;  // of voxels; more is refused

struct Format {
  const char* name;
  std::span<const std::string_view> extensions;  // ".nii.gz", lower case
  bool (*mine)(const std::filesystem::path&);    // by name only; the file need not be there
  volume::Volume (*read)(const std::filesystem::path&);
  void (*write)(const std::filesystem::path&, const volume::Volume&);
  // Volume `number` (from 1) of a file that must hold `of`; nullptr where files hold one.
  volume::Volume (*read_one)(const std::filesystem::path&, std::int64_t number, std::int64_t of) = nullptr;
};

std::span<const Format* const> formats();
// The first format that calls the path its own, or nullptr.
const Format* format_of(const std::filesystem::path& path);

// Throws Error ("read NAME: ...") when no format knows the name, or the file is damaged, or a voxel is NaN or infinite.
volume::Volume read_image(const std::filesystem::path& path);
// Volume `number` (from 1) of a 4-D file of `of` volumes, without the others in memory; {0, 0} as above.
volume::Volume read_image(const std::filesystem::path& path, std::int64_t number, std::int64_t of);

// Whole or not there (core::publish_file). Keeps voxel type; NIfTI keeps scale and offset, formats that cannot hold
// them store float32 values with both applied. Geometry survives to float32 precision (NIfTI) or about 1e-9 mm.
void write_image(const std::filesystem::path& path, const volume::Volume& volume);

// The file name without the extension of its format: "a/b.nii.gz" -> "b".
std::string stem_of(const std::filesystem::path& path);

// True when the lower-cased file name ends with one of them.
bool has_extension(const std::filesystem::path& path, std::span<const std::string_view> extensions);

// The bytes a grid of this shape takes. Throws Error [`reason`] when a side is not positive, the product does not fit
// or is beyond kLargestImageBytes.
std::uint64_t checked_size(const volume::Shape& shape, volume::VoxelType type, std::string_view reason);

}  // namespace io
