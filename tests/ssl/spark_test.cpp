#include <gtest/gtest.h>

#include <cmath>

#include "made.h"
#include "story_of.h"

// The filling f does not see hidden voxels: L(d) + L(-d) - 2 L(0) = 2 d^2 of L = mean (f - x - d)^2.
TEST(Spark, HiddenVoxelsReachTheLossButNotTheFilling) {
  const auto method = made::method("spark", "resenc", 1, {"normalise=false"});
  data::Batch batch = made::batch(*method, 3);
  const at::Tensor images = batch.views[0].images, hidden = made::hidden_of(batch);
  const auto loss_with = [&](double shift) {
    batch.views[0].images = images + shift * hidden;
    return made::loss(*method, batch);
  };
  EXPECT_NEAR(loss_with(0.5) + loss_with(-0.5) - 2 * loss_with(0), 2 * 0.25, 1e-4);
  EXPECT_NEAR(loss_with(3) + loss_with(-3) - 2 * loss_with(0), 2 * 9, 1e-3);
}

TEST(Spark, WhatIsVisibleReachesTheFilling) {
  const auto method = made::method("spark", "resenc");
  data::Batch batch = made::batch(*method, 3);
  const double loss = made::loss(*method, batch);
  batch.views[0].images = batch.views[0].images + 0.5 * (1 - made::hidden_of(batch)) * at::randn({3, 1, 16, 16, 16});
  EXPECT_NE(made::loss(*method, batch), loss);
}

TEST(Spark, WhatLiesOutsideOfTheCaseIsNotCounted) {
  const auto method = made::method("spark", "resenc", 1, {"normalise=false"});
  data::Batch batch = made::batch(*method, 3);
  batch.views[0].valid.slice(2, 0, 7).zero_();
  const double loss = made::loss(*method, batch);
  batch.views[0].images =
      batch.views[0].images + 100 * made::hidden_of(batch) * (1 - batch.views[0].valid.unsqueeze(1));
  EXPECT_EQ(made::loss(*method, batch), loss);
  batch.views[0].valid.zero_();
  EXPECT_EQ(made::loss(*method, batch), 0);
}

TEST(Spark, HidesWholeStridesUnlessToldOtherwise) {
  const auto method = made::method("spark", "resenc");  // of which the coarsest features are of 4 x 4 x 4 voxels
  const at::Tensor hidden = made::hidden_of(made::batch(*method, 2));
  const at::Tensor share = at::avg_pool3d(hidden, 4);
  EXPECT_TRUE(((share == 0) | (share == 1)).all().item<bool>());
  EXPECT_NEAR(share.mean().item<double>(), 0.6, 0.5 / 64);
}

TEST(Spark, TheDecoderIsKeptUnderItsNameForFineTuning) {
  std::int64_t decoder = 0;
  for (const auto& [name, tensor] : made::method("spark", "resenc")->weights())
    decoder += name.rfind("decoder.", 0) == 0;
  EXPECT_GT(decoder, 0);
}

TEST(Spark, SettingsThatCannotWorkAreRefusedWithWhatToDo) {
  EXPECT_NE(made::refusal_of("spark", "vit", {}).find("take resenc or resnet"), std::string::npos);
  EXPECT_NE(made::refusal_of("spark", "resenc", {"hidden=0"}).find("Hint: take smaller blocks"), std::string::npos);
  EXPECT_NE(made::refusal_of("spark", "resenc", {"hidden=1"}).find("one left to see"), std::string::npos);
  EXPECT_NE(made::refusal_of("spark", "resenc", {"block=[6]"}).find("looks at 4 x 4 x 4 voxels as one"),
            std::string::npos);
}
