#include "losses/gaussian.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/utils.h>

#include <cmath>

#include "finite_difference.h"
#include "over_ranks.h"

TEST(Sigreg, OfRowsAtZeroIsTheIntegralOfTheDistanceOfOneFromTheNormal) {
  // The mean of exp(i t 0) is 1: the integral over [-3, 3] of (1 - w)^2 w with w = exp(-t^2 / 2), by fine steps.
  double integral = 0;
  constexpr int kSteps = 200000;
  for (int i = 0; i < kSteps; ++i) {
    const double t = -3 + 6 * (i + 0.5) / kSteps, w = std::exp(-t * t / 2);
    integral += (1 - w) * (1 - w) * w * 6 / kSteps;
  }
  const at::Tensor directions = losses::directions_of(3, 8, 1).to(at::kDouble);
  const double value = losses::sigreg(at::zeros({5, 3}, at::kDouble), directions, 401, 3, *kAlone).item<double>();
  EXPECT_NEAR(value, 5 * integral, 1e-3);
}

TEST(Sigreg, IsSmallForNormalRowsAndLargeForNarrowShiftedOrFlatOnes) {
  torch::manual_seed(5);
  const at::Tensor normal = at::randn({2000, 4}), directions = losses::directions_of(4, 64, 1);
  const auto of = [&](const at::Tensor& rows) {
    return losses::sigreg(rows, directions, 17, 3, *kAlone).item<double>();
  };
  const double best = of(normal);
  EXPECT_LT(best, 2);
  EXPECT_GT(of(normal * 0.3), 100 * best);
  EXPECT_GT(of(normal + 1), 100 * best);
  EXPECT_GT(of(normal.select(1, 0).unsqueeze(1).expand({2000, 4})), 20 * best) << "one axis alone";
}

TEST(Sigreg, GradientIsTheDifferenceAndRanksAreOne) {
  const at::Tensor directions = losses::directions_of(3, 6, 2).to(at::kDouble);
  expect_gradient_is_difference([&](const at::Tensor& x) { return losses::sigreg(x, directions, 9, 3, *kAlone); },
                                wave({4, 3}));
  expect_ranks_are_one(
      1, [&](const auto& z, runtime::Comm& comm) { return losses::sigreg(z[0], directions, 9, 3, comm); });
}

TEST(Directions, HaveLengthOneFollowTheirKeyAndPointEverywhere) {
  const at::Tensor some = losses::directions_of(3, 4000, 7);
  EXPECT_TRUE(at::allclose(some.norm(2, {0}), at::ones({4000}), 1e-5, 1e-5));
  EXPECT_TRUE(at::equal(some, losses::directions_of(3, 4000, 7)));
  EXPECT_FALSE(at::equal(some, losses::directions_of(3, 4000, 8)));
  EXPECT_LT(some.mean(1).abs().max().item<double>(), 0.05);
  EXPECT_TRUE(at::allclose(some.square().mean(1), at::full({3}, 1.0 / 3), 0.1, 0));
}
