#pragma once
// 4-D NIfTI files.

#include <zlib.h>

#include <cstring>
#include <string>

#include "io/format.h"
#include "scratch.h"

// Volume `number` (from 0) of such a file.
inline volume::Volume volume_of_4d(int number, volume::Shape shape = {4, 5, 6}) {
  volume::Volume one = oblique(shape, volume::VoxelType::kInt16);
  for (std::int16_t& voxel : one.voxels<std::int16_t>()) voxel = static_cast<std::int16_t>(voxel + 1000 * number);
  return one;
}

// As bytes of one file, `step` of a second apart.
inline std::string nifti_4d(const Scratch& folder, int volumes, float step = 2.5F) {
  std::string bytes;
  for (int i = 0; i < volumes; ++i) {
    const volume::Volume one = volume_of_4d(i);
    if (i == 0) {
      io::write_image(folder / "first.nii", one);
      bytes = bytes_of(folder / "first.nii");
      std::filesystem::remove(folder / "first.nii");
    } else {
      bytes.append(reinterpret_cast<const char*>(one.bytes().data()), one.bytes().size());
    }
  }
  const auto put = [&](std::size_t at, auto value) { std::memcpy(bytes.data() + at, &value, sizeof value); };
  put(40, std::int16_t{4});
  put(48, static_cast<std::int16_t>(volumes));
  put(92, step);
  put(123, static_cast<char>(2 | 8));  // millimetres and seconds
  return bytes;
}

inline void write_gzip(const std::filesystem::path& path, const std::string& bytes) {
  std::filesystem::create_directories(path.parent_path());
  gzFile file = gzopen(path.c_str(), "wb");
  gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
  gzclose(file);
}
