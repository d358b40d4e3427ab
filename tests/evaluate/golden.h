#pragma once
// Inputs that tests/golden/evaluate.py makes too, and what its peers said of them.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/table.h"
#include "volume/volume.h"

// x <- 1664525 x + 1013904223 mod 2^32, read as a fraction.
class Lcg {
 public:
  explicit Lcg(std::uint32_t seed) : x_(seed) {}
  double operator()() { return static_cast<double>(x_ = 1664525U * x_ + 1013904223U) / 4294967296.0; }
  std::vector<double> many(std::size_t count) {
    std::vector<double> values(count);
    for (double& value : values) value = (*this)();
    return values;
  }

 private:
  std::uint32_t x_;
};

// Beside the sources, whose name may have been made relative by a compiler cache: then above the working directory.
inline std::filesystem::path golden_file() {
  namespace fs = std::filesystem;
  const fs::path beside = fs::path(__FILE__).parent_path().parent_path() / "golden/evaluate.csv";
  for (fs::path folder = fs::current_path(); !fs::exists(beside); folder = folder.parent_path()) {
    if (fs::exists(folder / "tests/golden/evaluate.csv")) return folder / "tests/golden/evaluate.csv";
    if (folder == folder.parent_path()) break;
  }
  return beside;
}

inline std::vector<double> golden(const std::string& name) {
  static const core::Table table = core::read_csv(golden_file());
  std::vector<double> values;
  for (const auto& row : table.rows)
    if (row[0] == name) values.push_back(std::stod(row[2]));
  return values;
}

inline volume::Volume map_of(volume::Shape shape, std::array<double, 3> spacing_mm, const auto& label_at) {
  volume::Geometry geometry;
  geometry.spacing_mm = spacing_mm;
  volume::Volume map(shape, volume::VoxelType::kUInt8, geometry);
  auto voxels = map.voxels<std::uint8_t>();
  std::size_t i = 0;
  for (std::int64_t d = 0; d < shape.depth; ++d)
    for (std::int64_t h = 0; h < shape.height; ++h)
      for (std::int64_t w = 0; w < shape.width; ++w) voxels[i++] = static_cast<std::uint8_t>(label_at(d, h, w));
  return map;
}

inline volume::Volume ellipsoid(volume::Shape shape, std::array<double, 3> spacing_mm, std::array<double, 3> centre,
                                std::array<double, 3> radii) {
  return map_of(shape, spacing_mm, [&](std::int64_t d, std::int64_t h, std::int64_t w) {
    const double x = (static_cast<double>(d) - centre[0]) / radii[0],
                 y = (static_cast<double>(h) - centre[1]) / radii[1],
                 z = (static_cast<double>(w) - centre[2]) / radii[2];
    return x * x + y * y + z * z <= 1 ? 1 : 0;
  });
}
