#include "models/block_mean.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

namespace {

using models::Extent;

struct Pooled {
  at::Tensor y, gradient;
};

Pooled pooled(const at::Tensor& x, const Extent& stride, bool ours) {
  const at::Tensor leaf = x.detach().clone().requires_grad_();
  const at::Tensor y = ours ? models::block_mean(leaf, stride) : models::block_mean_plain(leaf, stride);
  y.backward(at::sin(at::arange(y.numel(), at::kDouble) * 0.3).view(y.sizes()).to(y.scalar_type()));
  return {y.detach(), leaf.grad()};
}

void expect_near(const at::Tensor& a, const at::Tensor& b, double tolerance) {
  ASSERT_EQ(a.sizes(), b.sizes());
  EXPECT_LE((a.to(at::kDouble) - b).abs().max().item<double>(), tolerance);
}

TEST(BlockMean, OfTwoByTwoIsTheMeanAndTheLastBlockCountsWhatThereIs) {
  const at::Tensor x = at::tensor({1.0f, 2.0f, 5.0f, 3.0f, 4.0f, 9.0f}).view({1, 1, 1, 2, 3});
  const at::Tensor y = models::block_mean(x, {1, 2, 2}).flatten();
  ASSERT_EQ(y.numel(), 2);
  EXPECT_FLOAT_EQ(y[0].item<float>(), 2.5f);
  EXPECT_FLOAT_EQ(y[1].item<float>(), 7.0f);
}

// torch's pooling in float64 is the truth, its gradient proven.
TEST(BlockMean, ValuesAndGradientsAreTorchs) {
  for (const Extent& stride : {Extent{2, 2, 2}, Extent{1, 2, 2}, Extent{3, 1, 2}}) {
    for (const std::int64_t channels : {1, 5, 16}) {
      const at::Tensor x = at::randn({2, channels, 5, 6, 7}).to(at::kBFloat16).to(at::kDouble);
      const Pooled truth = pooled(x, stride, false);
      const Pooled wide = pooled(x.to(at::kFloat), stride, true), narrow = pooled(x.to(at::kBFloat16), stride, true);
      expect_near(wide.y, truth.y, 1e-6);
      expect_near(wide.gradient, truth.gradient, 1e-6);
      expect_near(narrow.y, truth.y, 2e-2);
      expect_near(narrow.gradient, truth.gradient, 1e-2);
    }
  }
}

TEST(BlockMean, KeepsChannelsLastAndTheType) {
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    const at::Tensor y = models::block_mean(at::ones({2, 4, 4, 4, 6}).to(type), {2, 2, 2});
    EXPECT_EQ(y.scalar_type(), type);
    EXPECT_TRUE(y.is_contiguous(at::MemoryFormat::ChannelsLast3d));
    EXPECT_EQ(y.min().item<float>(), 1);
    EXPECT_EQ(y.max().item<float>(), 1);
  }
}

TEST(BlockMean, DoesNotDependOnTheNumberOfThreads) {
  const at::Tensor x = at::randn({2, 8, 12, 10, 9});
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const Pooled one = pooled(x, {2, 2, 2}, true);
  at::set_num_threads(2);
  const Pooled two = pooled(x, {2, 2, 2}, true);
  at::set_num_threads(before);
  EXPECT_TRUE(at::equal(one.y, two.y));
  EXPECT_TRUE(at::equal(one.gradient, two.gradient));
}

}  // namespace
