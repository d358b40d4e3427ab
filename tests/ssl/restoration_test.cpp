// Methods that damage a view and restore it: denoising, models_genesis, context_restoration.
#include <gtest/gtest.h>

#include "made.h"

namespace {

class EachDamage : public testing::TestWithParam<std::string> {};

std::set<std::string> ops_drawn(const ssl::Method& method) {
  volume::Frame frame;
  frame.shape = {24, 24, 24};
  std::set<std::string> seen;
  for (std::uint64_t sample = 0; sample < 100; ++sample) {
    for (const augment::Drawn& drawn : method.views()[0].draw(frame, 5, sample, 0).ops) {
      if (!drawn.skipped()) seen.insert(drawn.op);
    }
  }
  return seen;
}

double damage(ssl::Method& method, const data::Batch& batch) {
  const at::NoGradGuard no_gradient;
  return method.step(0, batch, {}).watch.at("damage").item<double>();
}

}  // namespace

// The restored view r does not see the kept one: L(d) + L(-d) - 2 L(0) = 2 d^2 of L = mean (r - kept - d)^2.
TEST_P(EachDamage, TheLossIsTheMeanSquareToTheViewBeforeTheDamage) {
  const auto method = made::method(GetParam(), "resenc");
  data::Batch batch = made::batch(*method, 3);
  ASSERT_TRUE(batch.views[0].kept.defined());
  const at::Tensor kept = batch.views[0].kept;
  const auto loss_with = [&](double shift) {
    batch.views[0].kept = kept + shift;
    return made::loss(*method, batch);
  };
  EXPECT_NEAR(loss_with(0.5) + loss_with(-0.5) - 2 * loss_with(0), 2 * 0.25, 1e-4);
}

TEST_P(EachDamage, WhatLiesOutsideOfTheCaseIsNotCounted) {
  const auto method = made::method(GetParam(), "resenc");
  data::Batch batch = made::batch(*method, 3);
  batch.views[0].valid.slice(2, 0, 7).zero_();
  const double loss = made::loss(*method, batch);
  batch.views[0].kept = batch.views[0].kept + 100 * (1 - batch.views[0].valid.unsqueeze(1));
  EXPECT_EQ(made::loss(*method, batch), loss);
  batch.views[0].valid.zero_();
  EXPECT_EQ(made::loss(*method, batch), 0);
}

TEST_P(EachDamage, WatchesHowFarTheDamagedViewIsFromTheOther) {
  const auto method = made::method(GetParam(), "resenc");
  data::Batch batch = made::batch(*method, 3);
  const data::View& view = batch.views[0];
  const at::Tensor inside = view.valid.unsqueeze(1).to(at::kFloat);
  const double apart = ((view.images - view.kept).square() * inside).sum().item<double>() / inside.sum().item<double>();
  EXPECT_GT(apart, 0);
  EXPECT_NEAR(damage(*method, batch), apart, 1e-5 * apart);
  batch.views[0].images = view.kept;
  EXPECT_EQ(damage(*method, batch), 0);
}

INSTANTIATE_TEST_SUITE_P(Restoration, EachDamage, testing::Values("denoising", "models_genesis", "context_restoration"),
                         [](const auto& info) { return info.param; });

TEST(ModelsGenesis, DrawsAllFourTransformationsBesideTheMirror) {
  EXPECT_EQ(ops_drawn(*made::method("models_genesis", "resenc")),
            (std::set<std::string>{"warp", "mirror", "keep", "local_shuffle", "curve", "inpaint", "outpaint"}));
}

TEST(ContextRestoration, SwapsAndLosesNoValue) {
  const auto method = made::method("context_restoration", "resenc");
  EXPECT_TRUE(ops_drawn(*method).contains("swap"));
  const data::View view = made::batch(*method, 3).views[0];
  const auto sorted = [](const at::Tensor& pictures) { return std::get<0>(pictures.flatten(1).sort(1)); };
  ASSERT_TRUE(view.valid.all().item<bool>());
  EXPECT_TRUE(at::equal(sorted(view.images), sorted(view.kept)));
}

TEST(Denoising, WithoutDamageThereIsNothingToRestore) {
  const auto method =
      made::method("denoising", "resenc", 1, {"noise.chance=0", "low_resolution.chance=0", "erased.chance=0"});
  EXPECT_EQ(damage(*method, made::batch(*method, 3)), 0);
}
