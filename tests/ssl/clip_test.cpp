#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "made.h"
#include "ssl/image_text.h"
#include "story_of.h"

namespace {

std::unique_ptr<ssl::Method> clip(const std::vector<std::string>& settings = {}, std::uint64_t seed = 1) {
  return made::method("clip", "resenc", seed, settings);
}

ssl::ImageTextSpace& space_of(ssl::Method& method) { return dynamic_cast<ssl::ImageTextSpace&>(method); }

// A ball, brighter than the ground or darker, as its number is even or odd.
at::Tensor bright_or_dark(std::uint64_t number) {
  const at::Tensor plain = made::picture(number);
  return number % 2 == 0 ? plain : -plain;
}

data::Batch told(const ssl::Method& method, std::int64_t size, std::uint64_t first) {
  data::Batch batch = made::batch(method, size, first, bright_or_dark);
  for (std::size_t i = 0; i < batch.reports.size(); ++i) {
    const std::uint64_t number = first + i;
    const std::string kind = number % 2 == 0 ? "bright" : "dark";
    batch.reports[i] = (number % 3 == 0 ? "A " + kind + " ball." : "There is a ball, it is " + kind + ".");
  }
  return batch;
}

double loss_with(ssl::Method& method, data::Batch batch, std::vector<std::string> reports) {
  batch.reports = std::move(reports);
  return made::loss(method, batch);
}

}  // namespace

TEST(Clip, FindsTheReportOfEveryPictureAfterSixtySteps) {
  const auto method = clip();
  made::begin_epoch(*method);
  const std::vector<double> recognised = made::train(*method, made::batch(*method, 6), 60, "recognised");
  EXPECT_LT(recognised.front(), 0.5) << "chance is one of six";
  EXPECT_EQ(recognised.back(), 1);
}

TEST(Clip, WithTheSigmoidLossItLearnsToo) {
  const auto method = clip({"loss=sigmoid"});
  made::begin_epoch(*method);
  const std::vector<double> loss = made::train(*method, made::batch(*method, 4), 20);
  EXPECT_LT(loss.back(), 0.6 * loss.front()) << loss.front();
}

TEST(Clip, TellsOfPicturesItHasNotSeenWhichOfTwoSentencesIsTrue) {
  const auto method = clip();
  made::begin_epoch(*method);
  for (std::uint64_t first = 0; first < 60; first += 6) made::train(*method, told(*method, 6, first), 3);
  method->set_training(false);
  const data::Batch unseen = told(*method, 12, 1000);
  const at::Tensor pictures = space_of(*method).image_rows(unseen.views[0].images);
  const at::Tensor texts = space_of(*method).text_rows(std::vector<std::string>{"A bright ball.", "A dark ball."});
  EXPECT_TRUE(at::allclose(pictures.norm(2, {1}), at::ones({12}), 1e-5, 1e-5));
  EXPECT_FALSE(pictures.requires_grad() || texts.requires_grad());
  const at::Tensor said = pictures.matmul(texts.t()).argmax(1), truth = at::arange(12, at::kLong).remainder(2);
  EXPECT_GE((said == truth).sum().item<std::int64_t>(), 11) << said;
}

TEST(Clip, ASampleWithoutAReportHasNoPartInTheLoss) {
  const auto method = clip();
  data::Batch batch = made::batch(*method, 4);
  batch.reports[1] = "";
  batch.reports[3] = " \n";
  const double loss = made::loss(*method, batch);
  batch.views[0].images[1].add_(1);
  batch.views[0].images[3].mul_(-2);
  EXPECT_NEAR(made::loss(*method, batch), loss, 1e-5 * loss);
  batch.views[0].images[0].mul_(-2);
  EXPECT_GT(std::abs(made::loss(*method, batch) - loss), 1e-4);
}

TEST(Clip, ABatchWithoutAnyReportHasALossOfZeroAndAGradientOfZero) {
  for (const char* const loss : {"softmax", "sigmoid"}) {
    const auto method = clip({std::string("loss=") + loss});
    data::Batch batch = made::batch(*method, 2);
    batch.reports = {"", ""};
    const train::StepResult result = method->step(0, batch, {});
    result.loss.backward();
    EXPECT_EQ(result.loss.item<double>(), 0);
    EXPECT_EQ(result.watch.at("recognised").item<double>(), 0);
    const train::Parameters parameters = method->phases()[0].parameters;
    for (const train::Parameter& each : parameters) {
      ASSERT_TRUE(each.tensor.grad().defined()) << each.name;
      EXPECT_EQ(each.tensor.grad().abs().max().item<double>(), 0) << each.name;
    }
    batch.reports.clear();
    EXPECT_EQ(made::loss(*method, batch), 0);
  }
}

TEST(Clip, EqualReportsAndThoseThatDifferOnlyBehindTheContextAreNotEachOthersNegatives) {
  const auto method = clip({"text.context=10"});
  const data::Batch batch = made::batch(*method, 2);
  EXPECT_NEAR(loss_with(*method, batch, {"normal", "normal"}), 0, 1e-6);
  EXPECT_NEAR(loss_with(*method, batch, {"no finding today", "no finding yesterday"}), 0, 1e-6);
  EXPECT_GT(loss_with(*method, batch, {"no finding", "findings"}), 0.01);
}

TEST(Clip, LearnsItsTokensOnceAndKeepsThemInItsState) {
  const auto method = clip(), other = clip();
  EXPECT_TRUE(method->wants_pass());
  runtime::Archive nothing;
  method->save(nothing);
  EXPECT_TRUE(nothing.facts.empty());
  made::begin_epoch(*method);
  EXPECT_FALSE(method->wants_pass()) << "the pictures need not be read again";
  runtime::Archive state, after;
  method->save(state);
  other->load(state);
  EXPECT_FALSE(other->wants_pass());
  const std::vector<std::string> texts{"Ball of radius 40 mm", "\xFF\xFE", ""};
  EXPECT_TRUE(at::equal(space_of(*method).text_rows(texts), space_of(*other).text_rows(texts)));
  EXPECT_FALSE(at::equal(space_of(*method).text_rows(texts), space_of(*clip()).text_rows(texts)))
      << "bytes alone are other tokens";
  // A later epoch changes nothing.
  const data::Batch all = made::batch(*method, 4, 500);
  made::Pass pass(all);
  method->before_epoch(pass, {});
  method->save(after);
  EXPECT_EQ(after.facts, state.facts);
}

TEST(Clip, BeginsWithThePapersTemperatureAndNeverGoesBelowAHundredth) {
  EXPECT_NEAR(space_of(*clip()).scale(), 1 / 0.07, 1e-4);
  EXPECT_NEAR(space_of(*clip({"loss=sigmoid"})).scale(), 10, 1e-4);
  const auto sharp = clip({"temperature=0.001"});
  EXPECT_NEAR(space_of(*sharp).scale(), 1000, 0.01);
  sharp->after_update({});
  EXPECT_NEAR(space_of(*sharp).scale(), 100, 0.001);
}

// With a bias of -10 every pair is taken for no match: only those that are one cost anything.
TEST(Clip, TheSigmoidLossBeginsAtWhatTheMatchesCost) {
  const auto method = clip({"loss=sigmoid"});
  const data::Batch batch = made::batch(*method, 4);
  const train::StepResult result = method->step(0, batch, {});
  const double least = 10 - 10 * result.watch.at("agreement").item<double>();
  EXPECT_GT(result.loss.item<double>(), least) << "log(1 + exp(x)) is above x";
  EXPECT_LT(result.loss.item<double>(), least + 4 * std::log(2.0)) << "and for x > 0 below x + log 2";
}

TEST(Clip, WhatCannotWorkIsRefusedWithWhatToDo) {
  expect_story("softmax or sigmoid", [] { clip({"loss=triplet"}); });
  expect_story("multiple of the heads", [] { clip({"text.heads=7"}); });
  expect_story("data.batch_size", [] {
    const auto method = clip();
    method->step(0, made::batch(*method, 1), {});
  });
}
