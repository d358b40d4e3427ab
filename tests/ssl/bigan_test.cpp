#include <gtest/gtest.h>

#include <cmath>

#include "in_double.h"

namespace {

// Steps of one phase alone; the other stands still.
void train_alone(ssl::Method& method, std::size_t phase, const data::Batch& batch, int steps) {
  train::Optimiser optimiser(method.phases()[phase], train::TrainerSettings{});
  for (int step = 0; step < steps; ++step) {
    optimiser.clear_gradients();
    method.step(phase, batch, {}).loss.backward();
    optimiser.update({.learning_rate = 3e-3});
  }
}

}  // namespace

TEST(Bigan, MakersAndCriticShareNoParameterAndTogetherAreAll) {
  const auto method = made::method("bigan", "resenc", 1, {"critic_rate=0.5"});
  const auto phases = method->phases();
  ASSERT_EQ(phases.size(), 2u);
  EXPECT_EQ(phases[0].name, "maker");
  EXPECT_EQ(phases[1].name, "critic");
  EXPECT_DOUBLE_EQ(phases[1].learning_rate_scale, 0.5);
  const std::set<std::string> makers = made::names_of(phases[0]), critic = made::names_of(phases[1]);
  for (const std::string& name : critic) {
    EXPECT_EQ(name.rfind("critic.", 0), 0u) << name;
    EXPECT_FALSE(makers.contains(name)) << name;
  }
  std::size_t trained = 0;
  for (const auto& [name, tensor] : method->weights()) trained += tensor.requires_grad() ? 1 : 0;
  EXPECT_EQ(makers.size() + critic.size(), trained);
}

TEST(Bigan, TheCriticsLossSendsNothingToTheMakers) {
  const auto method = made::method("bigan", "resenc");
  method->step(1, made::batch(*method, 2), {}).loss.backward();
  const train::Phase making = method->phases()[0];
  for (const train::Parameter& each : making.parameters) EXPECT_FALSE(each.tensor.grad().defined()) << each.name;
}

TEST(Bigan, TheCodesBelongToTheSample) {
  const auto method = made::method("bigan", "resenc");
  data::Batch batch = made::batch(*method, 2);
  for (const std::size_t phase : {0u, 1u}) {
    const double loss = made::looked(*method, batch, {}, phase).loss.item<double>();
    EXPECT_EQ(made::looked(*method, batch, {}, phase).loss.item<double>(), loss);
    data::Batch other = batch;
    other.sample = batch.sample + 100;
    EXPECT_NE(made::looked(*method, other, {}, phase).loss.item<double>(), loss);
  }
}

TEST(Bigan, SamplesDoNotMeet) {
  const auto method = made::method("bigan", "resenc");
  const data::Batch batch = made::batch(*method, 3);
  for (const std::size_t phase : {0u, 1u}) {
    double mean = 0;
    for (std::int64_t i = 0; i < 3; ++i)
      mean += made::looked(*method, batch.part(i, 1), {}, phase).loss.item<double>() / 3;
    EXPECT_NEAR(made::looked(*method, batch, {}, phase).loss.item<double>(), mean, 1e-5 * mean);
  }
}

TEST(Bigan, TheMakersLossIsTheCriticsWithTheAnswersExchangedAndTheCodeLost) {
  for (const double weight : {0.0, 2.0}) {
    const auto method = made::method("bigan", "resenc", 1, {"code_weight=" + std::to_string(weight)});
    const data::Batch batch = made::batch(*method, 3);
    const train::StepResult makers = made::looked(*method, batch);
    EXPECT_NEAR(makers.loss.item<double>(),
                makers.watch.at("fooled").item<double>() + weight * makers.watch.at("code_lost").item<double>(), 1e-5);
    // A critic that calls everything real by the same score s: log(1 + exp(-s)) + log(1 + exp(s)), whoever asks.
    const at::NoGradGuard no_gradient;
    for (const auto& [name, tensor] : method->weights()) {
      if (name == "critic.score.weight") tensor.zero_();
      if (name == "critic.score.bias") tensor.fill_(1.5);
    }
    const double expected = std::log1p(std::exp(-1.5)) + std::log1p(std::exp(1.5));
    EXPECT_NEAR(made::looked(*method, batch).watch.at("fooled").item<double>(), expected, 1e-5);
    EXPECT_NEAR(made::looked(*method, batch, {}, 1).loss.item<double>(), expected, 1e-5);
  }
}

TEST(Bigan, EachSideLearnsWhileTheOtherStandsStill) {
  const auto method = made::method("bigan", "resenc", 1, {"code_weight=0"});
  const data::Batch batch = made::batch(*method, 2);
  train_alone(*method, 1, batch, 30);
  const train::StepResult told = made::looked(*method, batch, {}, 1);
  EXPECT_GT(told.watch.at("critic_right").item<double>(), 0.9);
  const double fooled = made::looked(*method, batch).watch.at("fooled").item<double>();
  train_alone(*method, 0, batch, 10);
  EXPECT_LT(made::looked(*method, batch).watch.at("fooled").item<double>(), 0.7 * fooled);
  EXPECT_GT(made::looked(*method, batch, {}, 1).loss.item<double>(), told.loss.item<double>());
}

TEST(Bigan, ACriticThatPaysForItGrowsLessSteep) {
  const auto steepness = [](double weight) {
    const auto method = made::method("bigan", "resenc", 1, {"steepness_weight=" + std::to_string(weight)});
    const data::Batch batch = made::batch(*method, 2);
    train_alone(*method, 1, batch, 30);
    return made::looked(*method, batch, {}, 1).watch.at("steepness").item<double>();
  };
  EXPECT_LT(steepness(1), 0.3 * steepness(1e-6));
}

// Outside of its case a view is 0: a made picture that were not would be told by that alone.
TEST(Bigan, OutsideOfTheCaseMadePicturesAreNothingToo) {
  const auto method = made::method("bigan", "resenc");
  data::Batch batch = made::batch(*method, 2);
  batch.views[0].valid.slice(2, 0, 9).zero_();
  method->set_training(false);
  const auto pictures = method->pictures(batch);
  ASSERT_EQ(pictures.size(), 2u);
  for (const auto& [title, picture] : pictures) {
    EXPECT_EQ(picture.slice(3, 0, 9).abs().max().item<double>(), 0) << title;
    EXPECT_GT(picture.slice(3, 9).abs().max().item<double>(), 0) << title;
  }
}

TEST(Bigan, InDoublePrecisionItIsTheSame) {
  const auto method = made::method("bigan", "resenc");
  made::expect_the_same_in_double(*method, made::batch(*method, 2));
}
