#include "models/stages.h"

#include <gtest/gtest.h>

namespace {

using models::Extent;
using models::Stage;

std::vector<Extent> strides(const models::Input& input, std::int64_t most = 6, std::int64_t smallest = 4) {
  std::vector<Extent> all;
  for (const Stage& stage : models::stages_for(input, most, smallest)) all.push_back(stage.stride);
  return all;
}

TEST(Stages, OfAnIsotropicPatchHalveAllAxesUntilFourVoxelsAreLeft) {
  EXPECT_EQ(strides({1, {32, 32, 32}, {1, 1, 1}}), (std::vector<Extent>{{1, 1, 1}, {2, 2, 2}, {2, 2, 2}, {2, 2, 2}}));
  EXPECT_EQ(strides({1, {32, 32, 32}, {1, 1, 1}}, 2), (std::vector<Extent>{{1, 1, 1}, {2, 2, 2}}));
}

// The plan that nnU-Net makes of MSD Hippocampus: patch 40 x 56 x 40 at 1 mm.
TEST(Stages, OfHippocampusAreNnUnets) {
  EXPECT_EQ(strides({1, {40, 56, 40}, {1, 1, 1}}), (std::vector<Extent>{{1, 1, 1}, {2, 2, 2}, {2, 2, 2}, {2, 2, 2}}));
}

// And of MSD Prostate: patch 20 x 320 x 256 at 3.6 x 0.62 x 0.62 mm.
TEST(Stages, OfThickSlicesWaitWithTheCoarseAxis) {
  const models::Input input{2, {20, 320, 256}, {3.6, 0.62, 0.62}};
  EXPECT_EQ(strides(input, 7),
            (std::vector<Extent>{{1, 1, 1}, {1, 2, 2}, {1, 2, 2}, {2, 2, 2}, {2, 2, 2}, {1, 2, 2}, {1, 2, 2}}));
  std::vector<Extent> kernels;
  for (const Stage& stage : models::stages_for(input, 7, 4)) kernels.push_back(stage.kernel);
  EXPECT_EQ(kernels,
            (std::vector<Extent>{{1, 3, 3}, {1, 3, 3}, {3, 3, 3}, {3, 3, 3}, {3, 3, 3}, {3, 3, 3}, {3, 3, 3}}));
}

TEST(Stages, OfOneAxisThatIsLeftGoOnOnlyWhereItIsLong) {
  EXPECT_EQ(strides({1, {4, 4, 11}, {1, 1, 1}}).size(), 1u);
  EXPECT_EQ(strides({1, {4, 4, 12}, {1, 1, 1}}).back(), (Extent{1, 1, 2}));
}

TEST(Stages, TheWayUpGoesByPrimeFactors) {
  EXPECT_EQ(models::steps_up({8, 8, 4}), (std::vector<Extent>{{2, 2, 2}, {2, 2, 2}, {2, 2, 1}}));
  EXPECT_EQ(models::steps_up({6, 5, 1}), (std::vector<Extent>{{2, 5, 1}, {3, 1, 1}}));
  EXPECT_EQ(models::steps_up({1, 1, 1}), (std::vector<Extent>{{1, 1, 1}}));
}

TEST(Stages, TotalStridesAreProducts) {
  const auto totals = models::total_strides({{{1, 1, 1}, {}}, {{1, 2, 2}, {}}, {{2, 2, 2}, {}}});
  EXPECT_EQ(totals, (std::vector<Extent>{{1, 1, 1}, {1, 2, 2}, {2, 4, 4}}));
}

}  // namespace
