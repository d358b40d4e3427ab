#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "made.h"
#include "ssl/matching_points.h"
#include "story_of.h"

namespace {

class MaeContrastWith : public testing::TestWithParam<std::string> {};

}  // namespace

TEST_P(MaeContrastWith, TheLossIsTheWeightedSumOfItsThreeTerms) {
  const auto usual = made::method("mae_contrast", GetParam());
  const auto other = made::method("mae_contrast", GetParam(), 1,
                                  {"reconstruction_weight=3", "alignment_weight=0", "contrast_weight=2"});
  const data::Batch batch = made::batch(*usual, 3);
  const double rebuilt = made::watched(*usual, batch, "reconstruction"),
               apart = made::watched(*usual, batch, "alignment"), contrast = made::watched(*usual, batch, "contrast");
  EXPECT_GT(rebuilt, 0);
  EXPECT_GT(apart, 0);
  EXPECT_GT(contrast, 0);
  EXPECT_NEAR(made::loss(*usual, batch), rebuilt + 0.5 * apart + 0.1 * contrast, 1e-4);
  EXPECT_NEAR(made::loss(*other, batch), 3 * rebuilt + 2 * contrast, 1e-4);
}

TEST_P(MaeContrastWith, WhatIsHiddenReachesTheReconstructionsLossAlone) {
  const auto method = made::method("mae_contrast", GetParam());
  data::Batch batch = made::batch(*method, 3);
  const double rebuilt = made::watched(*method, batch, "reconstruction"),
               apart = made::watched(*method, batch, "alignment"), contrast = made::watched(*method, batch, "contrast");
  for (data::View& view : batch.views) view.images = view.images + 3 * view.hidden.unsqueeze(1);
  EXPECT_NE(made::watched(*method, batch, "reconstruction"), rebuilt);
  EXPECT_EQ(made::watched(*method, batch, "alignment"), apart);
  EXPECT_EQ(made::watched(*method, batch, "contrast"), contrast);
}

TEST_P(MaeContrastWith, TwoViewsThatAreTheSameAgree) {
  const auto method = made::method("mae_contrast", GetParam());
  data::Batch batch = made::batch(*method, 3);
  batch.views[1] = batch.views[0];
  EXPECT_NEAR(made::watched(*method, batch, "alignment"), 0, 1e-5);
}

INSTANTIATE_TEST_SUITE_P(Encoders, MaeContrastWith, testing::Values("resenc", "vit"),
                         [](const auto& info) { return info.param; });

TEST(MaeContrast, TheViewsOfASampleShowMuchOfTheSameAndHideOtherBlocks) {
  const auto method = made::method("mae_contrast", "vit");
  const data::Batch batch = made::batch(*method, 6);
  ASSERT_EQ(batch.views.size(), 2u);
  const auto points = ssl::matching_points(batch.views[0], batch.views[1], batch.sample, 50);
  EXPECT_GT(points.shared.mean().item<double>(), 0.9);
  EXPECT_FALSE(at::equal(batch.views[0].hidden, batch.views[1].hidden));
}

TEST(MaeContrast, ABatchOfOneIsRefused) {
  const auto method = made::method("mae_contrast", "vit");
  expect_story("mae_contrast was given a batch of 1", [&] { made::loss(*method, made::batch(*method, 1)); });
}
