#include "volume/quantise.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/rng.h"

using volume::Volume;
using volume::VoxelType;

TEST(Quantise, NoVoxelMovesByMoreThanHalfOfTheScaleAndTheEndsKeepTheirs) {
  core::Rng rng({1, 0, 0, 0});
  for (const double size : {1e-20, 1.0, 3e7}) {
    Volume image({7, 9, 11}, VoxelType::kFloat32, {});
    image.geometry.spacing_mm = {3, 2, 1};
    auto voxels = image.voxels<float>();
    for (float& voxel : voxels) voxel = static_cast<float>(size * (rng.normal() + 5));
    const Volume small = volume::as_int16(image);
    EXPECT_EQ(small.type(), VoxelType::kInt16);
    EXPECT_EQ(small.geometry.spacing_mm, image.geometry.spacing_mm);
    const auto [low, high] = std::ranges::minmax(voxels);
    EXPECT_NEAR(small.scale, (static_cast<double>(high) - low) / 65534, 1e-9 * small.scale);
    const auto kept = small.voxels<std::int16_t>();
    double most = 0;
    for (std::size_t i = 0; i < voxels.size(); ++i) {
      const double meant = kept[i] * small.scale + small.offset;
      most = std::max(most, std::abs(meant - static_cast<double>(voxels[i])));
      EXPECT_EQ(kept[i] == -32767, voxels[i] < static_cast<double>(low) + 0.5 * small.scale);
      EXPECT_EQ(kept[i] == 32767, voxels[i] > static_cast<double>(high) - 0.5 * small.scale);
    }
    EXPECT_LE(most, 0.5000001 * small.scale);
    EXPECT_GT(most, 0.4 * small.scale);
  }
}

TEST(Quantise, WhatIsConstantStaysSoAndNothingIsMadeOfWhatIsNotFinite) {
  Volume image({2, 2, 2}, VoxelType::kUInt8, {});
  image.scale = 0.5;
  image.offset = 3;
  const Volume flat = volume::as_int16(image);
  EXPECT_EQ(flat.voxels<std::int16_t>()[5] * flat.scale + flat.offset, 3);
  Volume broken({2, 2, 2}, VoxelType::kFloat32, {});
  broken.voxels<float>()[3] = std::nanf("");
  EXPECT_THROW(volume::as_int16(broken), core::Error);
}
