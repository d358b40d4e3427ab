// Average of the weights, sums, precision.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "runtime/device.h"
#include "train/average.h"
#include "train/precision.h"
#include "train/sums.h"

namespace {

TEST(Average, ItsShareIsSmallerWithEachUpdateUntilTheDecayIsReached) {
  const train::Phase phase{"all", {{"weight", at::ones({1}).set_requires_grad(true)}}};
  const train::Average average({phase}, 0.9);
  EXPECT_DOUBLE_EQ(average.share(1), 1 - 2.0 / 11);
  EXPECT_DOUBLE_EQ(average.share(1000), 1 - 0.9);
  for (int n = 1; n < 100; ++n) EXPECT_LE(average.share(n + 1), average.share(n));
}

TEST(Average, HandsOutEachAverageOnceAndBeginsWithTheParameter) {
  const at::Tensor weight = at::randn({3, 4}).set_requires_grad(true), other = at::ones({1}).set_requires_grad(true);
  const train::Phase phase{"all", {{"weight", weight}}};
  train::Average average({phase}, 0.999);
  EXPECT_FALSE(average.take(other).defined());
  const at::Tensor taken = average.take(weight);
  EXPECT_TRUE(at::equal(taken, weight));
  EXPECT_FALSE(average.take(weight).defined());
  taken.fill_(2);
  EXPECT_TRUE(at::equal(average.state().at("weight"), at::full({3, 4}, 2.0f)));
  average.load({{"weight", at::zeros({3, 4})}});
  EXPECT_TRUE(at::equal(taken, at::zeros({3, 4})));
  EXPECT_THROW(average.load({}), core::Error);
  train::Average none({phase}, 0);
  EXPECT_TRUE(none.state().empty());
  EXPECT_FALSE(none.take(weight).defined());
  EXPECT_DOUBLE_EQ(none.share(5), 0);
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
