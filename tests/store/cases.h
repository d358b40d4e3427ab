#pragma once
// Cases for the tests of store.

#include <cstring>
#include <string>

#include "../scratch.h"
#include "core/rng.h"
#include "store/reader.h"
#include "store/writer.h"

inline volume::Geometry tilted() {
  volume::Geometry geometry;
  geometry.origin_mm = {-12.1, 30.25, 1.0 / 3};
  geometry.spacing_mm = {2.5, 0.7, 0.9};
  geometry.direction = {{{0, 0, -1}, {-0.6, 0.8, 0}, {0.8, 0.6, 0}}};
  return geometry;
}

// Every byte pattern there is where the voxel's type allows it; half smooth, so that chunks are packed and plain ones.
inline volume::Volume picture(const volume::Shape& shape, volume::VoxelType type, std::uint64_t seed) {
  volume::Volume made(shape, type, tilted());
  core::Rng rng({seed, 0, 0, 0});
  volume::with_type(type, [&]<class T>(T) {
    auto voxels = made.voxels<T>();
    for (std::size_t i = 0; i < voxels.size(); ++i) {
      const double value = i % 64 < 32 ? static_cast<double>(i / 64 % 100) : 200 * rng.normal();
      voxels[i] = static_cast<T>(static_cast<std::int64_t>(value));
      if constexpr (std::is_floating_point_v<T>) voxels[i] = static_cast<T>(value);
    }
  });
  return made;
}

inline volume::Volume classes(const volume::Shape& shape, int highest) {
  volume::Volume map(shape, volume::VoxelType::kInt32, tilted());
  auto voxels = map.voxels<std::int32_t>();
  for (std::size_t i = 0; i < voxels.size(); ++i) {
    voxels[i] = i % 7 == 3 ? highest : static_cast<std::int32_t>(i / 11 % 3);
  }
  return map;
}

// A small case with everything: two channels and one that is absent, labels, targets, report.
inline volume::Case small_case(int number, const volume::Shape& shape = {5, 6, 7}) {
  volume::Case one;
  one.id = "case-" + std::to_string(100 + number);
  one.channels.push_back({"T1", "MR", picture(shape, volume::VoxelType::kInt16, static_cast<std::uint64_t>(number))});
  one.channels.push_back({"T2", "MR", std::nullopt});
  one.channels.push_back(
      {"ADC", "MR", picture(shape, volume::VoxelType::kFloat32, 1000u + static_cast<unsigned>(number))});
  one.channels[0].image->scale = 0.1;
  one.channels[0].image->offset = -1024.5;
  one.label_map = classes(shape, 9);
  one.scalars = {{"class", number % 2}, {"score", number / 3.0}};
  one.boxes = {{{1, 2, 1.0 / 7}, {4, 5, 6}, "lesion"}};
  one.report = "Größe 3 cm.\n\"unauffällig\"";
  one.facts = {{"echo_time_ms", "4.6"}, {"größe", "\"3\" cm"}};
  one.groups = {"p" + std::to_string(number), "site-a", "Halden"};
  return one;
}

inline bool same_voxels(const volume::Volume& a, const volume::Volume& b) {
  return a.type() == b.type() && a.shape() == b.shape() && a.scale == b.scale && a.offset == b.offset &&
         std::memcmp(a.bytes().data(), b.bytes().data(), a.bytes().size()) == 0;
}
