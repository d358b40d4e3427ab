#include "losses/variational.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "finite_difference.h"

namespace {

TEST(KlToStandardNormal, HandValue) {
  const at::Tensor mean = at::tensor({1.0, 0.0, -2.0, 0.5}).view({2, 2});
  const at::Tensor log_variance = at::tensor({0.0, std::log(4.0), std::log(0.25), 0.0}).view({2, 2});
  // 1/2 (1 + 1 - 1 - 0) + 1/2 (4 - 1 - log 4) and 1/2 (4 + 1/4 - 1 + log 4) + 1/2 (1/4)
  const double first = 0.5 + 0.5 * (3 - std::log(4.0)), second = 0.5 * (3.25 + std::log(4.0)) + 0.125;
  EXPECT_NEAR(losses::kl_to_standard_normal(mean, log_variance).item<double>(), (first + second) / 2, 1e-12);
}

// The integral of p log(p / q), on a grid.
TEST(KlToStandardNormal, IsTheIntegralItStandsFor) {
  for (const auto& [mean, variance] : {std::pair{0.3, 0.5}, std::pair{-1.2, 2.0}}) {
    const double step = 1e-3, deviation = std::sqrt(variance);
    double sum = 0;
    for (double x = mean - 12 * deviation; x < mean + 12 * deviation; x += step) {
      const double log_p = -0.5 * (x - mean) * (x - mean) / variance - 0.5 * std::log(variance);
      const double log_q = -0.5 * x * x;
      sum += std::exp(log_p) / std::sqrt(2 * M_PI) * (log_p - log_q) * step;
    }
    const at::Tensor one = at::full({1, 1}, mean, at::kDouble),
                     other = at::full({1, 1}, std::log(variance), at::kDouble);
    EXPECT_NEAR(losses::kl_to_standard_normal(one, other).item<double>(), sum, 1e-6);
  }
}

TEST(KlToStandardNormal, IsZeroAtTheStandardNormalAndNowhereElse) {
  const at::Tensor zero = at::zeros({3, 4});
  EXPECT_EQ(losses::kl_to_standard_normal(zero, zero).item<double>(), 0);
  for (const double off : {-1e-3, 1e-3, 3.0, -3.0}) {
    EXPECT_GT(losses::kl_to_standard_normal(zero + off, zero).item<double>(), 0);
    EXPECT_GT(losses::kl_to_standard_normal(zero, zero + off).item<double>(), 0) << off;
  }
}

TEST(KlToStandardNormal, GradientIsTheDifferenceOfTheLoss) {
  const at::Tensor other = wave({3, 4}, 1);
  expect_gradient_is_difference([&](const at::Tensor& x) { return losses::kl_to_standard_normal(x, other); },
                                wave({3, 4}));
  expect_gradient_is_difference([&](const at::Tensor& x) { return losses::kl_to_standard_normal(other, x); },
                                wave({3, 4}));
}

}  // namespace
