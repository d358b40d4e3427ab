#pragma once
// Folders and volumes for the tests of io.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "core/error.h"
#include "volume/volume.h"

// A folder of this test, gone afterwards.
struct Scratch {
  std::filesystem::path path;
  Scratch() {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    path = std::filesystem::temp_directory_path() /
           ("gadolin_" + std::string(info->name()) + "_" + std::to_string(::getpid()));
    std::filesystem::remove_all(path);
    std::filesystem::create_directories(path);
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::filesystem::path operator/(const std::string& name) const { return path / name; }
};

inline std::filesystem::path shared_data() {
  if (const char* given = std::getenv("GADOLIN_SHARED_DATA")) return given;
  return std::filesystem::weakly_canonical(std::filesystem::path(__FILE__).parent_path() / "../../../shared/data");
}

inline std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline void write_bytes(const std::filesystem::path& path, const std::string& bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

// An oblique, anisotropic grid (turned by 30 degrees about z and flipped along d) with a different value each voxel.
inline volume::Volume oblique(volume::Shape shape, volume::VoxelType type) {
  volume::Geometry g;
  g.origin_mm = {-12.5, 30.25, 7.75};
  g.spacing_mm = {2.5, 0.5, 0.75};
  const double c = std::sqrt(3.0) / 2, s = 0.5;
  g.direction = {{{0, 0, -1}, {-s, c, 0}, {c, s, 0}}};
  volume::Volume v(shape, type, g);
  volume::with_type(type, [&]<class T>(T) {
    auto voxels = v.voxels<T>();
    for (std::size_t i = 0; i < voxels.size(); ++i)
      voxels[i] = static_cast<T>(static_cast<double>(i % 251) - 100 * (T(-1) < T(0)));
  });
  return v;
}

// What `body` throws as core::Error, "" when nothing.
template <class Body>
std::string error_of(Body&& body) {
  try {
    body();
  } catch (const core::Error& error) {
    return error.what();
  }
  return "";
}
