// Schedule, average of the weights, sums, precision.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "runtime/device.h"
#include "train/average.h"
#include "train/precision.h"
#include "train/settings.h"
#include "train/sums.h"

namespace {

train::TrainerSettings hundred(const std::string& schedule) {
  train::TrainerSettings s;
  s.steps = 110;
  s.warmup_steps = 10;
  s.learning_rate = 1.0;
  s.final_learning_rate = 0.2;
  s.schedule = schedule;
  return s;
}

TEST(Schedule, RisesLinearlyAndThenFollowsItsName) {
  for (const std::string name : {"cosine", "poly", "constant"}) {
    EXPECT_DOUBLE_EQ(train::learning_rate(hundred(name), 0), 0.1);
    EXPECT_DOUBLE_EQ(train::learning_rate(hundred(name), 9), 1.0);
    EXPECT_DOUBLE_EQ(train::learning_rate(hundred(name), 10), 1.0);
  }
  EXPECT_DOUBLE_EQ(train::learning_rate(hundred("cosine"), 60), 0.6);
  EXPECT_NEAR(train::learning_rate(hundred("cosine"), 35), 0.2 + 0.8 * 0.5 * (1 + std::sqrt(0.5)), 1e-12);
  EXPECT_DOUBLE_EQ(train::learning_rate(hundred("cosine"), 110), 0.2);
  EXPECT_NEAR(train::learning_rate(hundred("poly"), 60), 0.2 + 0.8 * std::pow(0.5, 0.9), 1e-12);
  EXPECT_DOUBLE_EQ(train::learning_rate(hundred("constant"), 109), 1.0);
}

TEST(Schedule, NeverRisesAfterTheWarmUpAndStaysBetweenItsEnds) {
  for (const std::string name : {"cosine", "poly", "constant"}) {
    for (std::int64_t step = 11; step < 110; ++step) {
      const double before = train::learning_rate(hundred(name), step - 1),
                   now = train::learning_rate(hundred(name), step);
      EXPECT_LE(now, before);
      EXPECT_GE(now, 0.2);
    }
  }
}

TEST(Settings, WordsThatAreNoneAreRefused) {
  train::TrainerSettings s;
  s.check();
  s.schedule = "cosin";
  EXPECT_THROW(s.check(), core::Error);
  s = {};
  s.precision = "fp8";
  EXPECT_THROW(s.check(), core::Error);
  s = {};
  s.recompute = "blocks";
  EXPECT_THROW(s.check(), core::Error);
}

TEST(Average, HasTheValueComputedByHand) {
  const at::Tensor weight = at::ones({1}).set_requires_grad(true), buffer = at::ones({1});
  train::Average average({{"weight", weight}, {"buffer", buffer}}, 0.9);
  weight.detach().fill_(2);
  average.update(1);  // d = min(0.9, 2 / 11)
  EXPECT_NEAR(average.state().at("weight").item<double>(), 2 - 2.0 / 11, 1e-6);
  EXPECT_FALSE(average.state().contains("buffer"));
  average.update(1000);  // d = 0.9
  EXPECT_NEAR(average.state().at("weight").item<double>(), 2 - 0.9 * 2.0 / 11, 1e-6);
}

TEST(Average, OfWeightsThatStandStillIsTheWeights) {
  const at::Tensor weight = at::randn({3, 4}).set_requires_grad(true);
  train::Average average({{"weight", weight}}, 0.999);
  for (int n = 1; n < 20; ++n) average.update(n);
  EXPECT_TRUE(at::allclose(average.state().at("weight"), weight));
  EXPECT_THROW(average.load({}), core::Error);
  EXPECT_TRUE(train::Average({{"weight", weight}}, 0).state().empty());
}

TEST(Sums, GiveTheMeanOverStepsAndRanks) {
  runtime::run_ranks(2, [](runtime::Comm& comm) {
    train::Sums sums(at::kCPU);
    for (int step = 0; step < 3; ++step) sums.add("loss", at::scalar_tensor(10.0 * comm.rank() + step));
    sums.add("once", at::scalar_tensor(comm.rank(), at::kLong));
    const auto means = sums.take(comm);
    EXPECT_DOUBLE_EQ(means.at("loss"), 6);
    EXPECT_DOUBLE_EQ(means.at("once"), 0.5);
    EXPECT_TRUE(sums.take(comm).empty());
  });
}

TEST(Sums, GoOnFromTheirStateToTheSameBits) {
  const auto comm = runtime::alone();
  train::Sums whole(at::kCPU), first(at::kCPU), second(at::kCPU);
  for (int i = 0; i < 7; ++i) {
    const at::Tensor value = at::scalar_tensor(0.1f * static_cast<float>(i) + 0.3f);
    whole.add("x", value);
    if (i == 4) second.load(first.state());
    (i < 4 ? first : second).add("x", value);
  }
  EXPECT_EQ(whole.take(*comm), second.take(*comm));
}

TEST(Precision, AutocastHoldsWhileItLivesAndOnlyWhenAsked) {
  const at::Tensor a = at::ones({4, 4});
  {
    const train::Autocast off(at::kCPU, "fp32");
    EXPECT_EQ(at::matmul(a, a).scalar_type(), at::kFloat);
    const train::Autocast on(at::kCPU, "bf16");
    EXPECT_EQ(at::matmul(a, a).scalar_type(), at::kBFloat16);
    const train::Autocast half(at::kCPU, "fp16");
    EXPECT_EQ(at::matmul(a, a).scalar_type(), at::kHalf);
  }
  EXPECT_EQ(at::matmul(a, a).scalar_type(), at::kFloat);
  EXPECT_EQ(train::resolved_precision("fp32", at::kCPU), "fp32");
  EXPECT_EQ(train::resolved_precision("auto", at::kCPU), runtime::has_bf16_units(at::kCPU) ? "bf16" : "fp32");
}

}  // namespace
