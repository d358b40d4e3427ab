#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "made.h"
#include "ssl/critic.h"

TEST(ContextEncoder, PainterAndCriticShareNoParameterAndTogetherAreAll) {
  const auto method = made::method("context_encoder", "resenc");
  const auto phases = method->phases();
  ASSERT_EQ(phases.size(), 2u);
  EXPECT_EQ(phases[0].name, "painter");
  EXPECT_EQ(phases[1].name, "critic");
  EXPECT_DOUBLE_EQ(phases[1].learning_rate_scale, 0.1);
  const std::set<std::string> painter = made::names_of(phases[0]), critic = made::names_of(phases[1]);
  EXPECT_FALSE(critic.empty());
  for (const std::string& name : critic) {
    EXPECT_EQ(name.rfind("critic.", 0), 0u) << name;
    EXPECT_FALSE(painter.contains(name)) << name;
  }
  std::size_t trained = 0;
  for (const auto& [name, tensor] : method->weights()) trained += tensor.requires_grad() ? 1 : 0;
  EXPECT_EQ(painter.size() + critic.size(), trained);
}

TEST(ContextEncoder, TheCriticsLossSendsNothingToThePainter) {
  const auto method = made::method("context_encoder", "resenc");
  const data::Batch batch = made::batch(*method, 2);
  {
    const at::NoGradGuard no_gradient;
    method->step(0, batch, {});
  }
  method->step(1, batch, {}).loss.backward();
  const train::Phase painting = method->phases()[0];
  for (const train::Parameter& each : painting.parameters) EXPECT_FALSE(each.tensor.grad().defined()) << each.name;
}

TEST(ContextEncoder, WhatIsVisibleStaysAsItIsInWhatTheCriticSees) {
  // With a weight of 1 for the critic's belief, visible voxels reach the loss through the critic too.
  const auto method = made::method("context_encoder", "resenc", 1, {"adversarial=1"});
  data::Batch batch = made::batch(*method, 2);
  const auto result = method->step(0, batch, {});
  EXPECT_NEAR(result.loss.item<double>(), result.watch.at("taken_for_real").item<double>(), 1e-6);
  const auto plain = made::method("context_encoder", "resenc", 1, {"adversarial=0"})->step(0, batch, {});
  EXPECT_NEAR(plain.loss.item<double>(), plain.watch.at("apart").item<double>(), 1e-6);
}

TEST(ContextEncoder, TheCriticLearnsToTellPaintedFromReal) {
  const auto method = made::method("context_encoder", "resenc");
  const data::Batch batch = made::batch(*method, 4);
  std::vector<train::Optimiser> optimisers;
  optimisers.emplace_back(method->phases()[1], train::TrainerSettings{});
  double right = 0;
  for (int step = 0; step < 60; ++step) {
    {
      const at::NoGradGuard no_gradient;
      method->step(0, batch, {});
    }
    optimisers[0].clear_gradients();
    const auto result = method->step(1, batch, {});
    result.loss.backward();
    optimisers[0].update({.learning_rate = 3e-3});
    right = result.watch.at("critic_right").item<double>();
  }
  EXPECT_GT(right, 0.9);
}

TEST(Critic, TakesAnyPatchAndACodeBesideIt) {
  torch::manual_seed(1);
  for (const models::Extent& patch : {models::Extent{1, 1, 1}, models::Extent{3, 17, 40}, models::Extent{16, 16, 16}}) {
    ssl::Critic alone({2, patch, {1, 1, 1}}, 4, 0), both({2, patch, {1, 1, 1}}, 4, 5);
    const at::Tensor pictures = at::randn({3, 2, patch[0], patch[1], patch[2]}), codes = at::randn({3, 5});
    EXPECT_EQ(alone.forward(pictures).sizes(), at::IntArrayRef({3}));
    const at::Tensor score = both.forward(pictures, codes);
    EXPECT_EQ(score.sizes(), at::IntArrayRef({3}));
    EXPECT_FALSE(at::equal(score, both.forward(pictures, codes + 1)));
  }
}
