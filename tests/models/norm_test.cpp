#include "models/norm.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>

#include "models/norm_passes.h"
#include "norm_cases.h"

namespace {

TEST(NormLeaky, HandValue) {
  // Mean 3, variance 5 over n: normalised to -3, -1, 1, 3 over sqrt(5).
  const at::Tensor x = at::tensor({0.0f, 2.0f, 4.0f, 6.0f}).view({1, 1, 1, 2, 2});
  const at::Tensor y = models::norm_leaky(x, at::full({1}, 2.0f), at::full({1}, 0.5f), 1, 0.1).flatten();
  const float unit = 2 / std::sqrt(5.00001f);
  EXPECT_NEAR(y[0].item<float>(), 0.1f * (-3 * unit + 0.5f), 1e-6);
  EXPECT_NEAR(y[1].item<float>(), 0.1f * (-unit + 0.5f), 1e-6);
  EXPECT_NEAR(y[2].item<float>(), unit + 0.5f, 1e-6);
  EXPECT_NEAR(y[3].item<float>(), 3 * unit + 0.5f, 1e-6);
}

// The formula in float64 by torch's operations, whose gradients torch has proven.
TEST(NormLeaky, ValuesAndGradientsAreThoseOfThePlainFormulaInFloat64) {
  for (const NormCase& each : norm_cases()) {
    SCOPED_TRACE(each.text());
    const NormResult truth = run_plain(each);
    expect_near(run_fused(each, at::kCPU, at::kFloat), truth, 3e-5);
    expect_near(run_fused(each, at::kCPU, at::kBFloat16), truth, 5e-2);
  }
}

TEST(NormLeaky, FarFromZeroNothingCancels) {
  const at::Tensor x = at::sin(at::arange(2 * 8 * 1000) * 0.7).view({2, 8, 10, 10, 10}) + 3000;
  const at::Tensor one = at::ones({8}), zero = at::zeros({8});
  const at::Tensor exact = models::norm_leaky_plain(x.to(at::kDouble), one.to(at::kDouble), zero.to(at::kDouble), 8, 1);
  EXPECT_LT((models::norm_leaky(x, one, zero, 8, 1) - exact).abs().max().item<double>(), 1e-3);
}

TEST(NormLeaky, KeepsChannelsLastAndTheType) {
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16, at::kDouble}) {
    const at::Tensor x = at::randn({2, 6, 3, 4, 5}).to(type);
    const at::Tensor weight = at::ones({6}, type == at::kDouble ? at::kDouble : at::kFloat);
    const at::Tensor y = models::norm_leaky(x, weight, at::zeros_like(weight), 6, 0.01);
    EXPECT_EQ(y.scalar_type(), type);
    EXPECT_TRUE(type == at::kDouble || y.is_contiguous(at::MemoryFormat::ChannelsLast3d));
  }
}

TEST(NormLeaky, DoesNotDependOnTheNumberOfThreads) {
  const NormCase big{{2, 16, 16, 24, 20}, 4, 0.01, true};
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const NormResult one = run_fused(big, at::kCPU, at::kFloat);
  at::set_num_threads(2);
  const NormResult two = run_fused(big, at::kCPU, at::kFloat);
  at::set_num_threads(before);
  EXPECT_TRUE(at::equal(one.y, two.y));
  for (std::size_t i = 0; i < one.gradients.size(); ++i) EXPECT_TRUE(at::equal(one.gradients[i], two.gradients[i]));
}

TEST(NormLeaky, OfAConstantIsTheBias) {
  const at::Tensor x = at::full({1, 4, 3, 3, 3}, 7.0f);
  const at::Tensor bias = at::tensor({1.0f, -2.0f, 0.0f, 3.0f});
  const at::Tensor y = models::norm_leaky(x, at::ones({4}), bias, 4, 1);
  EXPECT_TRUE(at::allclose(y, bias.view({1, 4, 1, 1, 1}).expand_as(y), 0, 1e-5));
}

TEST(Bfloat16, BitsAreTorchsRounding) {
  const at::Tensor values = at::cat({at::randn({1000}), at::tensor({0.0f, -0.0f, 1e-40f, 3.4e38f, INFINITY, -INFINITY}),
                                     at::tensor({1.00390625f, 1.01171875f})});  // halfway: ties to even
  const at::Tensor rounded = values.to(at::kBFloat16).to(at::kFloat);
  for (std::int64_t i = 0; i < values.numel(); ++i) {
    EXPECT_EQ(models::from_bf16(models::to_bf16(values[i].item<float>())), rounded[i].item<float>());
  }
  EXPECT_TRUE(std::isnan(models::from_bf16(models::to_bf16(NAN))));
}

}  // namespace
