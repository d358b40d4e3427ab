// What is special to single methods that tell samples from each other (simclr has a file of its own).
#include <gtest/gtest.h>

#include <cmath>

#include "made.h"
#include "story_of.h"

TEST(MocoV3, IsTheSameWhicheverViewComesFirst) {
  const auto method = made::method("moco_v3", "vit");
  data::Batch batch = made::batch(*method, 4);
  const double loss = made::loss(*method, batch);
  std::swap(batch.views[0], batch.views[1]);
  EXPECT_NEAR(made::loss(*method, batch), loss, 1e-5 * loss);
  expect_story("moco_v3 was given a batch of 1", [&] { made::loss(*method, made::batch(*method, 1)); });
}

TEST(Exemplar, OthersBeyondTheMarginAreLeftAlone) {
  const auto near = made::method("exemplar", "vit", 1, {"margin=0.01"}), far = made::method("exemplar", "vit");
  const data::Batch batch = made::batch(*near, 4);
  EXPECT_LT(made::loss(*near, batch), made::loss(*far, batch));
  expect_story("exemplar was given a batch of 1", [&] { made::loss(*near, made::batch(*near, 1)); });
  data::Batch same = batch;
  same.views[1] = same.views[0];
  const at::Tensor agreement = far->step(0, same, {}).watch.at("agreement");
  EXPECT_NEAR(agreement.item<double>(), 1, 1e-5);
}

TEST(Diet, RecognisesTheCasesOfABatchAfterAFewSteps) {
  const auto method = made::method("diet", "vit", 1, {"smoothing=0.2"});
  const data::Batch batch = made::batch(*method, 6);
  const std::vector<double> right = made::train(*method, batch, 40, "recognised");
  EXPECT_LT(right.front(), 0.5);
  EXPECT_EQ(right.back(), 1);
}

TEST(Diet, TheExcessIsTheLossLessItsBestAndABatchOfOneWillDo) {
  const auto method = made::method("diet", "vit");
  const data::Batch batch = made::batch(*method, 1);
  const train::StepResult result = method->step(0, batch, {});
  const double rest = 0.8 / made::kCases, own = 0.2 + rest;
  const double best = -own * std::log(own) - (made::kCases - 1) * rest * std::log(rest);
  EXPECT_NEAR(result.loss.item<double>() - result.watch.at("excess").item<double>(), best, 1e-4);
  EXPECT_GT(result.watch.at("excess").item<double>(), 0);
}

TEST(Diet, AStoreOfOneCaseIsRefused) {
  const models::Input input{1, made::kPatch, {1, 1, 1}};
  const auto encoder = made::encoder("vit", input);
  expect_story("the store has 1", [&] {
    ssl::method_named("diet").settings()->make({encoder, input, c10::Device(c10::kCPU), {}, 1});
  });
}

TEST(VoxelContrast, TwoViewsThatAreTheSameAgreeAtEveryPlace) {
  const auto method = made::method("voxel_contrast", "resenc");
  data::Batch batch = made::batch(*method, 2);
  batch.views[1] = batch.views[0];
  const train::StepResult same = method->step(0, batch, {});
  EXPECT_NEAR(same.watch.at("agreement").item<double>(), 1, 1e-4);
  EXPECT_NEAR(same.watch.at("shared").item<double>(), 1, 1e-6);
}

TEST(VoxelContrast, AViewThatTellsAWrongPlaceAgreesLess) {
  const auto method = made::method("voxel_contrast", "resenc");
  data::Batch batch = made::batch(*method, 2);
  batch.views[1] = batch.views[0];
  const double right = made::loss(*method, batch);
  for (auto& transform : batch.views[1].voxel_to_case) transform.rows[2][3] += 6;
  EXPECT_GT(made::loss(*method, batch), right);
}
