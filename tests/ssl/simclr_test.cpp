#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "losses/contrastive.h"
#include "made.h"

TEST(Simclr, TwoEqualViewsAgreeAndTheLossKnowsTheTemperature) {
  for (const double temperature : {0.1, 1.0}) {
    const auto method = made::method("simclr", "resenc", 1, {"temperature=" + std::to_string(temperature)});
    data::Batch batch = made::batch(*method, 4);
    batch.views[1].images = batch.views[0].images;
    const train::StepResult result = method->step(0, batch, {});
    EXPECT_NEAR(result.watch.at("agreement").item<double>(), 1, 1e-5);
    // The partner has similarity 1, the six others s <= 1: the loss lies between those of s = -1 and s = 1.
    const double loss = result.loss.item<double>();
    EXPECT_LT(loss, std::log(7.0));
    EXPECT_GT(loss, std::log(1 + 6 * std::exp(-2 / temperature)));
  }
}

TEST(Simclr, WhichSampleComesFirstDoesNotMatterNorWhichView) {
  const auto method = made::method("simclr", "vit");
  data::Batch batch = made::batch(*method, 4);
  const double loss = made::loss(*method, batch);
  const at::Tensor order = at::tensor({2, 0, 3, 1}, at::kLong);
  for (data::View& view : batch.views) view.images = view.images.index_select(0, order);
  EXPECT_NEAR(made::loss(*method, batch), loss, 1e-5 * loss);
  std::swap(batch.views[0], batch.views[1]);
  EXPECT_NEAR(made::loss(*method, batch), loss, 1e-5 * loss);
}

TEST(Simclr, ABatchOfOneIsRefusedBecauseThereIsNothingToCompare) {
  const auto method = made::method("simclr", "vit");
  const data::Batch batch = made::batch(*method, 1);
  try {
    method->step(0, batch, {});
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kUsage);
    EXPECT_NE(error.hint().find("data.batch_size"), std::string::npos) << error.hint();
  }
}

TEST(Simclr, LearnsWhichViewsBelongTogetherFarBetterThanChance) {
  const auto method = made::method("simclr", "vit");
  const data::Batch batch = made::batch(*method, 6);
  const std::vector<double> loss = made::train(*method, batch, 40);
  EXPECT_GT(loss.front(), 0.5 * std::log(11.0)) << "chance is log 11";
  EXPECT_LT(loss.back(), 0.45 * std::log(11.0));
}
