#include "train/optimiser.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/optim/adamw.h>

#include "core/error.h"

namespace {

train::TrainerSettings with_decay(double decay) {
  train::TrainerSettings settings;
  settings.weight_decay = decay;
  return settings;
}

at::Tensor leaf(const at::Tensor& values) { return values.clone().set_requires_grad(true); }

TEST(AdamW, TheFirstUpdateIsTheLearningRateTimesTheSignAndTheDecay) {
  const at::Tensor matrix = leaf(at::full({1, 1}, 1.0f)), vector = leaf(at::full({1}, 1.0f));
  train::AdamW optimiser({"all", {{"matrix", matrix}, {"vector", vector}}}, with_decay(0.01));
  matrix.mutable_grad() = at::full({1, 1}, 0.5f);
  vector.mutable_grad() = at::full({1}, -0.5f);
  optimiser.update(0.1);
  EXPECT_NEAR(matrix.item<double>(), 1 - 0.1 * 0.01 - 0.1, 1e-6);
  EXPECT_NEAR(vector.item<double>(), 1 + 0.1, 1e-6);  // one dimension: no decay
}

TEST(AdamW, FollowsTorchsOwnOverTwentySteps) {
  at::manual_seed(1);
  const at::Tensor start = at::randn({4, 5}), start_bias = at::randn({5});
  const at::Tensor mine = leaf(start), mine_bias = leaf(start_bias), theirs = leaf(start),
                   their_bias = leaf(start_bias);
  train::AdamW optimiser({"all", {{"weight", mine}, {"bias", mine_bias}}}, with_decay(0.05));
  torch::optim::AdamW weight_peer(std::vector<at::Tensor>{theirs}, torch::optim::AdamWOptions(0.01).weight_decay(0.05));
  torch::optim::AdamW bias_peer(std::vector<at::Tensor>{their_bias}, torch::optim::AdamWOptions(0.01).weight_decay(0));
  for (int i = 0; i < 20; ++i) {
    mine.mutable_grad() = at::randn({4, 5});
    mine_bias.mutable_grad() = at::randn({5});
    theirs.mutable_grad() = mine.grad().clone();
    their_bias.mutable_grad() = mine_bias.grad().clone();
    optimiser.update(0.01);
    weight_peer.step();
    bias_peer.step();
  }
  EXPECT_LT((mine - theirs).abs().max().item<double>(), 2e-6);
  EXPECT_LT((mine_bias - their_bias).abs().max().item<double>(), 2e-6);
}

TEST(AdamW, AStepThatIsSkippedChangesNothingAndIsNotCounted) {
  const at::Tensor weight = leaf(at::ones({2, 2}));
  train::AdamW optimiser({"all", {{"weight", weight}}}, with_decay(0.05));
  weight.mutable_grad() = at::full({2, 2}, 0.3f);
  optimiser.update(0.1, at::zeros({}));
  const at::Tensor kept = weight.detach().clone(), square = optimiser.state().at("weight/square").clone();
  weight.mutable_grad() = at::full({2, 2}, std::numeric_limits<float>::quiet_NaN());
  optimiser.update(0.1, at::ones({}));
  EXPECT_TRUE(at::equal(weight, kept));
  EXPECT_TRUE(at::equal(optimiser.state().at("weight/square"), square));
  EXPECT_EQ(optimiser.state().at("weight/steps").item<float>(), 1);
}

TEST(AdamW, AParameterWithoutAGradientIsLeftAlone) {
  const at::Tensor used = leaf(at::ones({2, 2})), unused = leaf(at::ones({2, 2}));
  train::AdamW optimiser({"all", {{"used", used}, {"unused", unused}}}, with_decay(0.5));
  used.mutable_grad() = at::ones({2, 2});
  optimiser.update(0.1);
  EXPECT_TRUE(at::equal(unused, at::ones({2, 2})));
  EXPECT_FALSE(at::equal(used, at::ones({2, 2})));
}

TEST(AdamW, ClippingScalesTheWholeGradientToTheNorm) {
  const at::Tensor a = leaf(at::zeros({1})), b = leaf(at::zeros({1}));
  train::AdamW optimiser({"all", {{"a", a}, {"b", b}}}, {});
  a.mutable_grad() = at::full({1}, 3.0f);
  b.mutable_grad() = at::full({1}, 4.0f);
  EXPECT_FLOAT_EQ(optimiser.clip(0).item<float>(), 5);
  EXPECT_FLOAT_EQ(a.grad().item<float>(), 3);
  EXPECT_FLOAT_EQ(optimiser.clip(10).item<float>(), 5);
  EXPECT_FLOAT_EQ(b.grad().item<float>(), 4);
  EXPECT_FLOAT_EQ(optimiser.clip(1).item<float>(), 5);
  EXPECT_NEAR(a.grad().item<float>(), 0.6, 1e-5);
  EXPECT_NEAR(b.grad().item<float>(), 0.8, 1e-5);
}

TEST(AdamW, ItsStateGoesOnAndAnotherNetworksIsRefused) {
  const at::Tensor weight = leaf(at::ones({2, 2})), copy = leaf(at::ones({2, 2})), other = leaf(at::ones({3}));
  train::AdamW first({"all", {{"weight", weight}}}, {}), second({"all", {{"weight", copy}}}, {});
  weight.mutable_grad() = at::full({2, 2}, 0.3f);
  first.update(0.1);
  copy.set_data(weight.detach().clone());
  second.load(first.state());
  weight.mutable_grad() = at::full({2, 2}, -0.2f);
  copy.mutable_grad() = weight.grad().clone();
  first.update(0.1);
  second.update(0.1);
  EXPECT_TRUE(at::equal(weight, copy));
  EXPECT_THROW(train::AdamW({"all", {{"weight", other}}}, {}).load(first.state()), core::Error);
  EXPECT_THROW(train::AdamW({"all", {{"w", other}, {"w", copy}}}, {}), core::Error);
}

}  // namespace
