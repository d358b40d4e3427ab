#include "losses/position.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "finite_difference.h"

namespace {

TEST(OverlapTold, HandValue) {
  const at::Tensor share = at::tensor({0.75, 0.25, 0.0, 0.0}).view({1, 4});
  const at::Tensor cosines = at::tensor({0.5, 0.5, 0.5, -0.5}).view({1, 4});
  // 0.75 and 0.25 are each 0.25 off; of the two that share nothing, 0.5 and 0 are told.
  EXPECT_NEAR(losses::overlap_told(cosines, share).item<double>(), -std::log(0.75) + 0.25 / 2, 1e-12);
}

// The definition in loops.
TEST(OverlapTold, IsTheDefinitionInLoops) {
  const at::Tensor cosines = wave({3, 5});
  const at::Tensor share = (wave({3, 5}, 2) - 0.2).clamp(0, 1);
  double positive = 0, weights = 0, negative = 0, none = 0;
  for (int n = 0; n < 3; ++n) {
    for (int b = 0; b < 5; ++b) {
      const double told = std::max(0.0, cosines[n][b].item<double>()), wanted = share[n][b].item<double>();
      positive -= wanted * std::log(1 - std::abs(wanted - told));
      weights += wanted;
      if (wanted == 0) {
        negative += told * told;
        ++none;
      }
    }
  }
  EXPECT_NEAR(losses::overlap_told(cosines, share).item<double>(), positive / weights + negative / none, 1e-9);
}

TEST(OverlapTold, IsZeroWhereTheShareIsToldAndFiniteWhereItIsNotAtAll) {
  const at::Tensor share = at::tensor({0.5, 0.5, 0.0}).view({1, 3});
  EXPECT_NEAR(losses::overlap_told(share, share).item<double>(), 0, 1e-12);
  EXPECT_NEAR(losses::overlap_told(at::zeros({1, 1}), at::ones({1, 1})).item<double>(), -std::log(1e-6), 1e-3);
  EXPECT_EQ(losses::overlap_told(at::zeros({1, 3}), at::zeros({1, 3})).item<double>(), 0);
}

TEST(OverlapTold, GradientIsTheDifferenceOfTheLoss) {
  const at::Tensor share = (wave({3, 4}, 2) - 0.2).clamp(0, 0.9);
  expect_gradient_is_difference([&](const at::Tensor& x) { return losses::overlap_told(x, share); },
                                wave({3, 4}) * 0.8 + 0.05);
}

TEST(BasesApart, HandValue) {
  // cosines 0, 1 / sqrt 2, -1: squares of what is above 0, over three pairs.
  const at::Tensor bases = at::tensor({1.0, 0.0, 0.0, 2.0, -3.0, 0.0}).view({1, 3, 2});
  EXPECT_NEAR(losses::bases_apart(bases).item<double>(), 0, 1e-12);
  const at::Tensor closer = at::tensor({1.0, 0.0, 2.0, 2.0, -3.0, 0.0}).view({1, 3, 2});
  EXPECT_NEAR(losses::bases_apart(closer).item<double>(), 0.5 / 3, 1e-12);
  EXPECT_EQ(losses::bases_apart(at::ones({2, 1, 3})).item<double>(), 0);
}

TEST(BasesApart, GradientIsTheDifferenceOfTheLoss) {
  expect_gradient_is_difference([](const at::Tensor& x) { return losses::bases_apart(x); }, wave({2, 3, 4}));
}

}  // namespace
