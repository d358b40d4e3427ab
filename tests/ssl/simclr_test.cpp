#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "losses/contrastive.h"
#include "made.h"
#include "ssl/projector.h"

TEST(Simclr, TheProjectorNormalisesOverTheBatchByHand) {
  ssl::Projector projector(1, 1, 1);
  const at::NoGradGuard no_gradient;
  for (const auto& item : projector.named_parameters()) {
    item.value().fill_(item.key() == "last.bias" ? 0.5 : item.key() == "norm_bias" ? 0.25 : 2.0);
  }
  // 2 x = 2, 6: mean 4, variance 4, so -1 and 1; times 2 plus 0.25, cut at 0; times 2 plus 0.5.
  const at::Tensor out = projector.forward(at::tensor({1.0f, 3.0f}).view({2, 1}), *runtime::alone());
  EXPECT_NEAR(out[0].item<double>(), 0.5, 1e-6);
  EXPECT_NEAR(out[1].item<double>(), 2 * 2.25 + 0.5, 1e-5);
}

TEST(Simclr, TheProjectionDoesNotDependOnShiftAndScaleOfTheEmbeddings) {
  torch::manual_seed(3);
  ssl::Projector projector(6, 16, 4);
  const at::Tensor rows = at::randn({10, 6});
  const auto comm = runtime::alone();
  const at::Tensor plain = projector.forward(rows, *comm);
  EXPECT_TRUE(at::allclose(projector.forward(rows + 5, *comm), plain, 1e-3, 1e-3));
  EXPECT_TRUE(at::allclose(projector.forward(rows * 7, *comm), plain, 1e-3, 1e-3));
  EXPECT_FALSE(at::allclose(projector.forward(-rows, *comm), plain, 1e-3, 1e-3));
}

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
