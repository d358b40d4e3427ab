#include "evaluate/overlap.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "core/error.h"
#include "golden.h"

namespace {

volume::Volume line(std::initializer_list<int> labels) {
  const std::vector<int> values(labels);
  return map_of({1, 1, static_cast<std::int64_t>(values.size())}, {1, 1, 1},
                [&](auto, auto, std::int64_t w) { return values[static_cast<std::size_t>(w)]; });
}

}  // namespace

TEST(Dice, HandValues) {
  const volume::Volume prediction = line({0, 1, 1, 1, 2, 2, 0, 0}), truth = line({0, 0, 1, 1, 1, 2, 0, 3});
  EXPECT_DOUBLE_EQ(evaluate::dice(prediction, truth, 1), 2.0 * 2 / (3 + 3));
  EXPECT_DOUBLE_EQ(evaluate::dice(prediction, truth, 2), 2.0 * 1 / (2 + 1));
  EXPECT_EQ(evaluate::dice(prediction, truth, 3), 0);             // in one only
  EXPECT_TRUE(std::isnan(evaluate::dice(prediction, truth, 4)));  // in none
  EXPECT_EQ(evaluate::dice(truth, truth, 3), 1);
}

TEST(Dice, IsSymmetricAndDoesNotCareForTheVoxelType) {
  Lcg u(3);
  const auto noise = [&](auto...) { return static_cast<int>(u() * 4); };
  const volume::Volume a = map_of({5, 6, 7}, {1, 1, 1}, noise), b = map_of({5, 6, 7}, {1, 1, 1}, noise);
  volume::Volume wide(a.shape(), volume::VoxelType::kFloat32, a.geometry);
  for (std::size_t i = 0; i < 210; ++i) wide.voxels<float>()[i] = a.voxels<std::uint8_t>()[i];
  const std::array<int, 4> labels{0, 1, 2, 3};
  const auto ab = evaluate::overlaps(a, b, labels), ba = evaluate::overlaps(b, wide, labels);
  std::int64_t all = 0;
  for (std::size_t k = 0; k < 4; ++k) {
    EXPECT_EQ(ab[k].dice(), ba[k].dice());
    EXPECT_EQ(ab[k].prediction, ba[k].truth);
    all += ab[k].truth;
  }
  EXPECT_EQ(all, 210);
  EXPECT_EQ(evaluate::labels_in(wide), (std::vector<int>{1, 2, 3}));
}

TEST(Overlap, AnotherGridOrAFractionIsToldNotScored) {
  const volume::Volume map = line({0, 1});
  volume::Volume moved = map.clone(), halves(map.shape(), volume::VoxelType::kFloat32, map.geometry);
  moved.geometry.origin_mm[0] = 2.5;
  halves.voxels<float>()[0] = 0.5F;
  try {
    evaluate::dice(moved, map, 1);
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_NE(error.story().find("up to 2.50 mm away"), std::string::npos) << error.what();
    EXPECT_FALSE(error.hint().empty());
  }
  EXPECT_THROW(evaluate::dice(line({1, 1, 1}), map, 1), core::Error);
  EXPECT_THROW(evaluate::dice(halves, map, 1), core::Error);
}
