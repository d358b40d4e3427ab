#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "finetune/task.h"

namespace {

// An encoder whose embedding is the mean of each channel, so that the loss can be written by hand.
class Means final : public models::Encoder {
 public:
  std::vector<at::Tensor> features(const at::Tensor& image) override { return {image}; }
  std::vector<std::int64_t> channels() const override { return {2}; }
  std::vector<models::Extent> stride() const override { return {{1, 1, 1}}; }
  void check_extent(const models::Extent&) const override {}
};

std::unique_ptr<finetune::Task> task(const std::vector<std::int64_t>& counts, bool balanced,
                                     const std::string& dropout = "0") {
  const auto settings = finetune::task_named("classification").settings();
  core::configure(settings->slots(),
                  std::vector{core::setting_from_argument("dropout=" + dropout),
                              core::setting_from_argument(balanced ? "balanced=true" : "balanced=false")});
  finetune::Setup setup;
  setup.input = {2, {2, 2, 2}, {1, 1, 1}};
  setup.encoder = std::make_shared<Means>();
  setup.outputs = {"0", "1"};
  setup.target = "class";
  setup.counts = counts;
  auto made = settings->make(setup);
  const at::NoGradGuard no_gradient;
  for (const auto& [name, tensor] : made->weights()) {
    if (name == "head.weight") tensor.copy_(at::eye(2));
    if (name == "head.bias") tensor.zero_();
  }
  return made;
}

// Case n shows channel means {means[n][0], means[n][1]}.
data::Batch batch(const std::vector<std::array<float, 2>>& means, const std::vector<float>& classes) {
  data::Batch made;
  made.views.resize(1);
  made.views[0].images = at::empty({static_cast<std::int64_t>(means.size()), 2, 2, 2, 2});
  for (std::size_t n = 0; n < means.size(); ++n) {
    for (int c = 0; c < 2; ++c) made.views[0].images[static_cast<std::int64_t>(n)][c].fill_(means[n][c]);
    made.ids.push_back(std::to_string(n));
  }
  made.targets["class"] = at::tensor(classes);
  return made;
}

double nll(double own, double other) { return std::log(1 + std::exp(other - own)); }

}  // namespace

TEST(Classification, WeighsRareClassesOverTheTrainingCasesAndNotOverTheBatch) {
  // 3 of class 0, 1 of class 1: weights 4 / (2 * 3) and 4 / (2 * 1).
  const auto made = task({3, 1}, true);
  const double common = nll(1, 0), rare = nll(0.5, 2);
  const double loss = made->step(0, batch({{1, 0}, {2, 0.5}}, {0, 1}), {}).loss.item<double>();
  EXPECT_NEAR(loss, (2.0 / 3 * common + 2.0 * rare) / 2, 1e-6);
  EXPECT_NEAR(made->step(0, batch({{2, 0.5}}, {1}), {}).loss.item<double>(), 2 * rare, 1e-6);
}

TEST(Classification, WhatIsDroppedFollowsFromTheNumberOfTheSampleAndIsTheShareAskedFor) {
  const auto made = task({}, false, "0.5");
  data::Batch many = batch(std::vector<std::array<float, 2>>(400, {0, 2}), std::vector<float>(400, 0));
  many.sample = at::arange(400);
  const auto one = [&](std::int64_t i) { return made->step(0, many.part(i, 1), {}).loss.item<double>(); };
  // Class 1 is seen twice as bright, or not at all.
  std::int64_t dropped = 0;
  double sum = 0;
  for (std::int64_t i = 0; i < 400; ++i) {
    const double loss = one(i);
    sum += loss;
    EXPECT_TRUE(std::abs(loss - nll(0, 4)) < 1e-5 || std::abs(loss - nll(0, 0)) < 1e-5) << loss;
    dropped += std::abs(loss - nll(0, 0)) < 1e-5;
    EXPECT_EQ(loss, one(i));
  }
  EXPECT_NEAR(static_cast<double>(dropped), 200, 40);
  EXPECT_NEAR(made->step(0, many, {}).loss.item<double>(), sum / 400, 1e-5);
}

TEST(Classification, CountsNoCaseWithoutAClass) {
  const auto made = task({3, 1}, false);
  const float nan = std::nanf("");
  const train::StepResult result = made->step(0, batch({{1, 0}, {9, -9}, {0, 1}}, {0, nan, 0}), {});
  EXPECT_NEAR(result.loss.item<double>(), (nll(1, 0) + nll(0, 1)) / 2, 1e-6);
  EXPECT_NEAR(result.watch.at("accuracy").item<double>(), 0.5, 1e-6);
}
