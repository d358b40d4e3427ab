#include <gtest/gtest.h>

#include <cmath>

#include "made.h"
#include "story_of.h"

TEST(VolumeFusion, TakesItsSecondViewFromAnotherCase) {
  const auto method = made::method("volume_fusion", "resenc");
  ASSERT_EQ(method->views().size(), 2u);
  EXPECT_EQ(method->of_partner(), (std::vector<bool>{false, true}));
  const data::Batch batch = made::batch(*method, 2);
  EXPECT_NE(batch.views[0].case_index[0].item<std::int64_t>(), batch.views[1].case_index[0].item<std::int64_t>());
}

TEST(VolumeFusion, BoxesBelongToTheSample) {
  const auto method = made::method("volume_fusion", "resenc");
  data::Batch batch = made::batch(*method, 2);
  const double loss = made::loss(*method, batch);
  EXPECT_EQ(made::loss(*method, batch), loss);
  batch.sample += 100;
  EXPECT_NE(made::loss(*method, batch), loss);
}

// Where both views are alike the fused picture is that view whatever the shares are: another drawing of boxes gives the
// network the same picture to look at. And a voxel outside of either case is not asked about.
TEST(VolumeFusion, OutsideOfEitherCaseNothingIsAsked) {
  const auto method = made::method("volume_fusion", "resenc");
  data::Batch batch = made::batch(*method, 2);
  batch.views[1].valid.zero_();
  at::Tensor loss = method->step(0, batch, {}).loss;
  loss.backward();
  EXPECT_EQ(loss.item<double>(), 0);
  const train::Phase phase = method->phases()[0];
  for (const train::Parameter& each : phase.parameters) {
    ASSERT_TRUE(each.tensor.grad().defined());
    EXPECT_EQ(each.tensor.grad().abs().max().item<double>(), 0) << each.name;
  }
}

// Dark and bright cases: a voxel's grey value is its share, which a network of one look can learn for other samples.
TEST(VolumeFusion, TheShareIsLearntForOtherPictures) {
  const auto method = made::method("volume_fusion", "resenc", 1, {"classes=3"});
  const auto draw = [](std::uint64_t number) {
    const double grey = number >= made::kPartner ? 1 : -1;
    return grey + 0.05 * at::sin(at::arange(24 * 24 * 24, at::kFloat) * (0.1 + 0.01 * static_cast<double>(number % 7)))
                             .view({1, 24, 24, 24});
  };
  std::vector<train::Optimiser> optimisers;
  optimisers.emplace_back(method->phases()[0], train::TrainerSettings{});
  for (std::uint64_t step = 0; step < 40; ++step) {
    optimisers[0].clear_gradients();
    method->step(0, made::batch(*method, 2, 2 * step, draw), {}).loss.backward();
    optimisers[0].update({.learning_rate = 3e-3});
  }
  const at::NoGradGuard no_gradient;
  EXPECT_GT(method->step(0, made::batch(*method, 4, 1000, draw), {}).watch.at("right").item<double>(), 0.8);
}

TEST(VolumeFusion, SettingsThatCannotWorkAreRefused) {
  EXPECT_NE(
      made::refusal_of("volume_fusion", "resenc", {"boxes_low=9", "boxes_high=8"}).find("the least number or side"),
      std::string::npos);
  EXPECT_NE(
      made::refusal_of("volume_fusion", "resenc", {"side_low=0.5", "side_high=0.4"}).find("the least number or side"),
      std::string::npos);
}
