#include "losses/prediction.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "finite_difference.h"
#include "over_ranks.h"

TEST(SmoothDistance, IsASquareNearZeroAndALineBeyondOne) {
  const at::Tensor target = at::zeros({4}, at::kDouble);
  const at::Tensor prediction = at::tensor({0.5, -0.5, 3.0, -1.0}, at::kDouble);
  EXPECT_NEAR(losses::smooth_distance(prediction, target).item<double>(), (0.125 + 0.125 + 2.5 + 0.5) / 4, 1e-12);
  EXPECT_EQ(losses::smooth_distance(prediction, prediction).item<double>(), 0);
}

TEST(SmoothDistance, GradientIsTheDifferenceGoesToThePredictionAloneAndRanksAreOne) {
  const at::Tensor target = wave({3, 4}, 1.1).requires_grad_();
  expect_gradient_is_difference([&](const at::Tensor& x) { return losses::smooth_distance(x, target); },
                                2 * wave({3, 4}));
  EXPECT_FALSE(target.grad().defined());
  expect_ranks_are_one(2,
                       [](const auto& z, runtime::Comm&) { return losses::smooth_distance(z[0], z[1].detach() * 3); });
}

TEST(SmoothDistance, IsComputedInFloatWhateverComesIn) {
  const at::Tensor a = wave({6, 8}).to(at::kBFloat16), b = wave({6, 8}, 0.2).to(at::kBFloat16);
  EXPECT_EQ(losses::smooth_distance(a, b).item<double>(),
            losses::smooth_distance(a.to(at::kFloat), b.to(at::kFloat)).item<double>());
}
