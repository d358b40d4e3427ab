#include "models/depthwise.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

namespace {

using models::Extent;

struct Convolved {
  at::Tensor y, of_x, of_weight, of_bias;
};

using Convolution = at::Tensor (*)(const at::Tensor&, const at::Tensor&, const at::Tensor&, const Extent&);

Convolved convolved(Convolution convolution, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                    const Extent& stride) {
  const at::Tensor leaf = x.detach().clone().requires_grad_(), w = weight.detach().clone().requires_grad_(),
                   b = bias.detach().clone().requires_grad_();
  const at::Tensor y = convolution(leaf, w, b, stride);
  const at::Tensor wave = at::sin(at::arange(y.numel(), at::kDouble) * 0.3).view(y.sizes());
  y.backward(wave.to(at::kBFloat16).to(y.scalar_type()));  // the same numbers in every type
  return {y.detach(), leaf.grad(), w.grad(), b.grad()};
}

void expect_like(const at::Tensor& found, const at::Tensor& truth, double share) {
  ASSERT_EQ(found.sizes(), truth.sizes());
  EXPECT_LE((found.to(at::kDouble) - truth).abs().max().item<double>(), share * truth.abs().max().item<double>());
}

class EachDepthwise : public testing::TestWithParam<std::pair<Convolution, Convolution>> {};
INSTANTIATE_TEST_SUITE_P(Depthwise, EachDepthwise,
                         testing::Values(std::pair{&models::depthwise, &models::depthwise_plain},
                                         std::pair{&models::depthwise_transposed, &models::depthwise_transposed_plain}),
                         [](const auto& each) { return each.index == 0 ? "Forth" : "Back"; });

// torch's in float64 is the truth, its gradient proven.
TEST_P(EachDepthwise, ValuesAndGradientsAreTorchs) {
  const auto [ours, torchs] = GetParam();
  at::manual_seed(5);
  for (const auto& [kernel, stride, channels] :
       {std::tuple{Extent{3, 3, 3}, Extent{1, 1, 1}, 16}, std::tuple{Extent{3, 3, 3}, Extent{2, 2, 2}, 19},
        std::tuple{Extent{1, 5, 5}, Extent{1, 2, 2}, 3}, std::tuple{Extent{5, 3, 7}, Extent{1, 1, 1}, 33},
        std::tuple{Extent{3, 3, 3}, Extent{2, 1, 3}, 1}}) {
    SCOPED_TRACE(channels);
    const at::Tensor x = at::randn({2, channels, 3, 6, 11}).to(at::kBFloat16).to(at::kDouble);
    const at::Tensor weight = at::randn({channels, 1, kernel[0], kernel[1], kernel[2]}), bias = at::randn({channels});
    const Convolved truth = convolved(torchs, x, weight.to(at::kDouble), bias.to(at::kDouble), stride);
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
      const Convolved found = convolved(ours, x.to(type), weight, bias, stride);
      const double share = type == at::kFloat ? 1e-5 : 1e-2;
      EXPECT_EQ(found.y.scalar_type(), type);
      EXPECT_EQ(found.of_weight.scalar_type(), at::kFloat);
      EXPECT_TRUE(found.y.is_contiguous(at::MemoryFormat::ChannelsLast3d));
      expect_like(found.y, truth.y, share);
      expect_like(found.of_x, truth.of_x, share);
      expect_like(found.of_weight, truth.of_weight, share);
      expect_like(found.of_bias, truth.of_bias, share);
    }
  }
}

TEST_P(EachDepthwise, DoesNotDependOnTheNumberOfThreads) {
  const at::Tensor x = at::randn({2, 20, 6, 5, 9}), weight = at::randn({20, 1, 3, 3, 3}), bias = at::randn({20});
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const Convolved one = convolved(GetParam().first, x, weight, bias, {2, 1, 1});
  at::set_num_threads(2);
  const Convolved two = convolved(GetParam().first, x, weight, bias, {2, 1, 1});
  at::set_num_threads(before);
  EXPECT_TRUE(at::equal(one.y, two.y));
  EXPECT_TRUE(at::equal(one.of_x, two.of_x));
  EXPECT_TRUE(at::equal(one.of_weight, two.of_weight));
  EXPECT_TRUE(at::equal(one.of_bias, two.of_bias));
}

TEST(Depthwise, OfOneChannelIsTheSumOfNeighboursTimesTheKernel) {
  const at::Tensor x = at::tensor({1.0f, 2.0f, 3.0f, 4.0f}).view({1, 1, 1, 1, 4});
  const at::Tensor weight = at::tensor({10.0f, 1.0f, 100.0f}).view({1, 1, 1, 1, 3}), bias = at::tensor({0.5f});
  EXPECT_TRUE(
      at::equal(models::depthwise(x, weight, bias, {1, 1, 1}).flatten(), at::tensor({201.5f, 312.5f, 423.5f, 34.5f})));
  EXPECT_TRUE(at::equal(models::depthwise(x, weight, bias, {1, 1, 2}).flatten(), at::tensor({201.5f, 423.5f})));
  EXPECT_TRUE(at::equal(models::depthwise_transposed(x.slice(4, 0, 2), weight, bias, {1, 1, 2}).flatten(),
                        at::tensor({1.5f, 120.5f, 2.5f})));
}

}  // namespace
