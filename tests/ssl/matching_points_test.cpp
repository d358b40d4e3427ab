#include "ssl/matching_points.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "made.h"

namespace {

// Views of one case by the method's own recipes, which turn, scale, shift and mirror.
struct Two {
  std::unique_ptr<ssl::Method> method = made::method("voxel_contrast", "vit");
  data::Batch batch = made::batch(*method, 4);
};

}  // namespace

TEST(MatchingPoints, AreTheSamePlacesOfTheCaseInsideOfBothViews) {
  const Two two;
  const data::View &first = two.batch.views[0], &second = two.batch.views[1];
  const ssl::MatchingPoints points = ssl::matching_points(first, second, two.batch.sample, 50);
  int found = 0;
  for (std::int64_t i = 0; i < 4; ++i) {
    const auto& here = first.voxel_to_case[static_cast<std::size_t>(i)];
    const auto& there = second.voxel_to_case[static_cast<std::size_t>(i)];
    for (std::int64_t k = 0; k < 50; ++k) {
      if (points.shared[i][k].item<float>() == 0) continue;
      ++found;
      std::array<double, 3> p{}, q{};
      for (std::int64_t a = 0; a < 3; ++a) {
        p[static_cast<std::size_t>(a)] = points.first[i][k][a].item<double>();
        q[static_cast<std::size_t>(a)] = points.second[i][k][a].item<double>();
        EXPECT_GE(points.second[i][k][a].item<double>(), 0);
        EXPECT_LE(points.second[i][k][a].item<double>(), 15);
      }
      const auto a = here(p), b = there(q);
      for (std::size_t axis = 0; axis < 3; ++axis) EXPECT_NEAR(a[axis], b[axis], 1e-3);
    }
  }
  EXPECT_GT(found, 100) << "most places are shared at the spread of the recipe";
}

TEST(MatchingPoints, FollowTheSamplesNumberAndNothingElse) {
  const Two two;
  const data::View &first = two.batch.views[0], &second = two.batch.views[1];
  const auto all = ssl::matching_points(first, second, two.batch.sample, 8);
  const data::Batch part = two.batch.part(2, 2);
  const auto some = ssl::matching_points(part.views[0], part.views[1], part.sample, 8);
  EXPECT_TRUE(at::equal(all.second.narrow(0, 2, 2), some.second));
  EXPECT_FALSE(at::equal(all.first[0], all.first[1]));
}

TEST(MatchingPoints, ViewsWithNothingInCommonShareNone) {
  Two two;
  for (auto& transform : two.batch.views[1].voxel_to_case) transform.rows[0][3] += 100;
  const auto points = ssl::matching_points(two.batch.views[0], two.batch.views[1], two.batch.sample, 8);
  EXPECT_EQ(points.shared.sum().item<double>(), 0);
  EXPECT_EQ(made::loss(*two.method, two.batch), 0);
}

TEST(FeaturesAt, OfARampIsTheIndexAtEveryScale) {
  // Voxel d has value d; cells of 2 and 4 voxels hold their means, so that a ramp stays a ramp between their centres.
  const at::Tensor ramp = at::arange(16, at::kFloat).view({1, 1, 16, 1, 1}).expand({1, 1, 16, 16, 16});
  const std::vector<at::Tensor> scales{ramp, at::avg_pool3d(ramp, 2), at::avg_pool3d(ramp, 4)};
  const at::Tensor indices = at::tensor({7.0f, 3.0f, 9.0f, 5.25f, 0.0f, 15.0f}).view({1, 2, 3});
  const at::Tensor rows = ssl::features_at(scales, indices, {16, 16, 16});
  ASSERT_EQ(rows.sizes(), at::IntArrayRef({2, 3}));
  for (std::int64_t scale = 0; scale < 3; ++scale) {
    EXPECT_NEAR(rows[0][scale].item<double>(), 7, 1e-4);
    EXPECT_NEAR(rows[1][scale].item<double>(), 5.25, 1e-4);
  }
  // Axes are not mixed up.
  const at::Tensor turned = ssl::features_at({ramp.transpose(2, 4)}, indices, {16, 16, 16});
  EXPECT_NEAR(turned[0][0].item<double>(), 9, 1e-4);
}
