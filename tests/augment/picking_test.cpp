// Crop, warp, mirror: where voxels come from.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "augment/bend.h"
#include "augment/pick.h"
#include "augment/recipes.h"
#include "core/error.h"
#include "pictures.h"

namespace {

using augment::Drawing;
using augment::View;

// A coordinate of the case as the view shows it.
float shown(const View& view, int axis, std::int64_t d, std::int64_t h, std::int64_t w) {
  return pictures::value(view.image, axis, d, h, w);
}

TEST(Crop, TakesVoxelsAsTheyAreAndMarksWhatLiesOutside) {
  const auto sample = pictures::coordinates({6, 7, 8});
  const View view = pictures::apply(augment::parse("view 4 3 5 6 7 8 | crop 2 5 -1"), sample);
  EXPECT_EQ(shown(view, 0, 3, 0, 1), 5);
  EXPECT_EQ(shown(view, 1, 3, 1, 1), 6);
  EXPECT_EQ(shown(view, 2, 3, 1, 4), 3);
  EXPECT_EQ(view.valid[0][0][0].item<int>(), 0);
  EXPECT_EQ(view.valid[0][0][1].item<int>(), 1);
  EXPECT_EQ(view.valid[0][2][1].item<int>(), 0);
  EXPECT_EQ(view.valid.sum().item<int>(), 4 * 2 * 4);
}

TEST(Crop, IsEquallyLikelyAtEveryPlaceWhereItFits) {
  volume::Frame frame;
  frame.shape = {5, 20, 20};
  std::array<int, 3> starts{};
  const augment::Recipe recipe({3, 4, 4}, {augment::make_op("crop")});
  for (std::uint64_t i = 0; i < 3000; ++i) {
    const double start = recipe.draw(frame, 1, i, 0).ops[0].values[0];
    ASSERT_GE(start, 0);
    ASSERT_LE(start, 2);
    ++starts[static_cast<std::size_t>(start)];
  }
  for (const int count : starts) EXPECT_NEAR(count, 1000, 130);
}

TEST(Mirror, TakesALandmarkToTheOtherSide) {
  const auto sample = pictures::coordinates({6, 7, 8});
  const View view = pictures::apply(augment::parse("view 4 4 4 6 7 8 | crop 1 2 3 | mirror 0 1 1"), sample);
  EXPECT_EQ(shown(view, 0, 0, 0, 0), 1);
  EXPECT_EQ(shown(view, 1, 0, 0, 0), 5);
  EXPECT_EQ(shown(view, 2, 0, 0, 0), 6);
  EXPECT_EQ(view.voxel_to_case({0, 0, 0}), (volume::Index{1, 5, 6}));
  EXPECT_EQ(view.voxel_to_case({3, 3, 3}), (volume::Index{4, 2, 3}));
}

TEST(Warp, TurnsByARightAngleVoxelForVoxel) {
  const auto sample = pictures::coordinates({5, 5, 5});
  // d stays, h of the view runs along w of the case, w against h.
  const View view =
      pictures::apply(augment::parse("view 5 5 5 5 5 5 | warp 1 0 0 0 0 0 -1 4 0 1 0 0 1 0 0 0 0 0"), sample);
  EXPECT_EQ(shown(view, 0, 3, 0, 0), 3);
  EXPECT_EQ(shown(view, 1, 0, 0, 1), 3);
  EXPECT_EQ(shown(view, 2, 0, 1, 0), 1);
  EXPECT_TRUE(view.valid.all().item<bool>());
}

TEST(Warp, InterpolatesBetweenVoxels) {
  const auto sample = pictures::coordinates({5, 5, 5});
  const View view =
      pictures::apply(augment::parse("view 2 2 2 5 5 5 | warp 1 0 0 0.25 0 1 0 1.5 0 0 1 2.75 1 0 0 0 0 0"), sample);
  EXPECT_FLOAT_EQ(shown(view, 0, 0, 0, 0), 0.25f);
  EXPECT_FLOAT_EQ(shown(view, 1, 0, 1, 0), 2.5f);
  EXPECT_FLOAT_EQ(shown(view, 2, 1, 1, 1), 3.75f);
}

TEST(Warp, GivesAVoxelTheLabelThatMostOfItsNeighbourhoodHas) {
  auto sample = pictures::blobs({1, 2, 4});
  sample.labels.copy_(at::tensor({1, 1, 5, 5, 1, 2, 6, 5}, at::kLong).reshape({1, 2, 4}));
  const std::string still = "view 1 1 3 1 2 4 | warp 1 0 0 0 0 1 0 ";
  const std::string rest = " 1 0 0 0 0 0";
  const auto labels = [&](const std::string& shift) {
    return pictures::apply(augment::parse(still + shift + rest), sample).labels.flatten();
  };
  // The last voxel is nearest to 6 (.36), and the three others around it are 5 (.64).
  EXPECT_TRUE(at::equal(labels("0.6 0 0 1 0.4"), at::tensor({1, 2, 5}, at::kLong)));
  EXPECT_TRUE(at::equal(labels("1 0 0 1 0.4"), at::tensor({1, 2, 6}, at::kLong)));
  EXPECT_TRUE(at::equal(labels("1 0 0 1 0.6"), at::tensor({2, 6, 5}, at::kLong)));
}

TEST(Warp, KeepsDistancesInMillimetresWhenItTurns) {
  volume::Frame frame;
  frame.shape = {40, 40, 40};
  frame.spacing_mm = {2.5, 1, 1.5};
  augment::Warp warp;
  warp.rotation_chance = 1;
  warp.scale_chance = warp.bend_chance = 0;
  warp.rotation_deg = 90;
  const augment::OpPointer op = augment::make(warp);
  const volume::Shape patch{8, 8, 8};
  for (std::uint64_t i = 0; i < 20; ++i) {
    const volume::Transform map = op->transform(op->draw({1, i, 0, 0}, frame, patch), patch);
    const volume::Index zero = map({0, 0, 0}), other = map({3, -2, 1});
    double there = 0, here = 0;
    const volume::Index step{3, -2, 1};
    for (int a = 0; a < 3; ++a) {
      there += std::pow((other[a] - zero[a]) * frame.spacing_mm[a], 2);
      here += std::pow(step[a] * frame.spacing_mm[a], 2);
    }
    EXPECT_NEAR(std::sqrt(there), std::sqrt(here), 1e-9);
  }
}

TEST(Warp, LeavesThickSlicesWhereTheyAre) {
  const auto sample = pictures::coordinates({12, 40, 40}, {10, 1.5, 1.5});
  augment::Warp warp;
  warp.rotation_chance = warp.scale_chance = warp.bend_chance = 1;
  warp.rotation_deg = 180;
  const augment::Recipe recipe({4, 16, 16}, {augment::make(warp)});
  for (std::uint64_t i = 0; i < 20; ++i) {
    const Drawing drawing = recipe.draw(sample.frame, 1, i, 0);
    const View view = pictures::apply(drawing, sample);
    const volume::Index origin = view.voxel_to_case({0, 0, 0});
    EXPECT_EQ(origin[0], std::floor(origin[0]));
    for (std::int64_t d = 0; d < 4; ++d) {
      EXPECT_NEAR(shown(view, 0, d, 8, 8), origin[0] + static_cast<double>(d), 1e-5);
    }
  }
}

TEST(Warp, TurnsNoFurtherThanAllowedAndScalesWithinItsRange) {
  volume::Frame frame;
  frame.shape = {90, 90, 90};
  augment::Warp warp;
  warp.rotation_chance = 0;
  warp.scale_chance = 1;
  warp.bend_chance = 0;
  const augment::OpPointer op = augment::make(warp);
  for (std::uint64_t i = 0; i < 200; ++i) {
    const volume::Transform map = op->transform(op->draw({1, i, 0, 0}, frame, {32, 32, 32}), {32, 32, 32});
    EXPECT_GE(map.rows[0][0], 0.7);
    EXPECT_LE(map.rows[0][0], 1.4);
    // It fits into the case, so it stays inside.
    for (int a = 0; a < 3; ++a) {
      EXPECT_GE(map({0, 0, 0})[a], -0.5);
      EXPECT_LE(map({31, 31, 31})[a], 89.5);
    }
  }
}

TEST(Bend, MovesNoVoxelFartherThanItsAmplitudeAndFoldsNothing) {
  const volume::Shape shape{24, 30, 20};
  std::array<double, 3> amplitude{};
  for (int a = 0; a < 3; ++a) amplitude[a] = 0.4 * augment::Bend::cell(shape[a], 4);
  augment::Bend bend(shape, 4, amplitude, 77);
  double farthest = 0, narrowest = 1;
  std::vector<float> above(static_cast<std::size_t>(shape.height * shape.width)), now(above.size());
  for (std::int64_t d = 0; d < shape.depth; ++d) {
    bend.plane(d);
    for (std::int64_t h = 0; h < shape.height; ++h) {
      const auto& row = bend.row(h);
      for (std::size_t w = 0; w < static_cast<std::size_t>(shape.width); ++w) {
        for (std::size_t a = 0; a < 3; ++a) farthest = std::max(farthest, std::abs(row[a][w]) / amplitude[a]);
        if (w > 0) narrowest = std::min<double>(narrowest, 1 + row[2][w] - row[2][w - 1]);
        const std::size_t at = static_cast<std::size_t>(h * shape.width) + w;
        now[at] = row[0][w];
        if (d > 0) narrowest = std::min<double>(narrowest, 1 + now[at] - above[at]);
      }
    }
    above = now;
  }
  EXPECT_LE(farthest, 1.0 + 1e-6);
  EXPECT_GT(farthest, 0.3);
  EXPECT_GT(narrowest, 0);
}

TEST(Bend, IsSmooth) {
  augment::Bend bend({2, 2, 65}, 4, {4, 4, 4}, 5);
  bend.plane(0);
  const auto& row = bend.row(0);
  for (std::size_t w = 2; w < 65; ++w) {
    const double curvature = row[2][w] - 2 * row[2][w - 1] + row[2][w - 2];
    EXPECT_LT(std::abs(curvature), 4.0 * 4 / (16 * 16) * 1.01) << w;  // |second derivative| <= 4 amplitude / cell^2
  }
}

TEST(Reach, IsWhatIsReadAndNoMuchMore) {
  augment::Placing placing;
  for (int a = 0; a < 3; ++a) placing.to_case.rows[a][3] = 5.5;
  EXPECT_EQ(augment::reach(placing, {4, 4, 4}, {20, 20, 20}), (volume::VoxelBox{{5, 5, 5}, {5, 5, 5}}));
  EXPECT_EQ(augment::reach(placing, {4, 4, 4}, {8, 7, 6}), (volume::VoxelBox{{5, 5, 4}, {3, 2, 2}}));
  for (int a = 0; a < 3; ++a) placing.to_case.rows[a][3] = 500;
  EXPECT_EQ(augment::reach(placing, {4, 4, 4}, {8, 1, 6}), (volume::VoxelBox{{7, 0, 5}, {1, 1, 1}}));
}

}  // namespace
