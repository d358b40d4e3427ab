#include "losses/sparse.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "finite_difference.h"

namespace {

TEST(PooledSparsity, HandValue) {
  const at::Tensor codes = at::tensor({3.0, -4.0, 0.0, 0.0, 0.0, 0.0, 5.0, 12.0}).view({2, 4});
  // Groups of two: 5, 0 and 0, 13.
  EXPECT_NEAR(losses::pooled_sparsity(codes, 2, 1e-12).item<double>(), (5 + 13) / 2.0, 1e-5);
  EXPECT_NEAR(losses::pooled_sparsity(codes, 1, 1e-12).item<double>(), (7 + 17) / 2.0, 1e-5);
  EXPECT_NEAR(losses::pooled_sparsity(codes, 4, 0.25).item<double>(), (std::sqrt(25.25) + std::sqrt(169.25)) / 2 - 0.5,
              1e-9);
}

TEST(PooledSparsity, OfTheSameEnergyTheCodeThatUsesFewerGroupsCostsLess) {
  const at::Tensor few = at::tensor({1.0, 1.0, 0.0, 0.0}).view({1, 4}),
                   many = at::tensor({1.0, 0.0, 1.0, 0.0}).view({1, 4});
  EXPECT_LT(losses::pooled_sparsity(few, 2).item<double>(), losses::pooled_sparsity(many, 2).item<double>());
  EXPECT_EQ(losses::pooled_sparsity(at::zeros({3, 4}), 2).item<double>(), 0);
}

TEST(PooledSparsity, TurningWithinAGroupChangesNothing) {
  const at::Tensor codes = wave({3, 4});
  at::Tensor turned = codes.clone();
  turned.select(1, 0).copy_(0.6 * codes.select(1, 0) - 0.8 * codes.select(1, 1));
  turned.select(1, 1).copy_(0.8 * codes.select(1, 0) + 0.6 * codes.select(1, 1));
  EXPECT_NEAR(losses::pooled_sparsity(turned, 2).item<double>(), losses::pooled_sparsity(codes, 2).item<double>(),
              1e-12);
}

TEST(PooledSparsity, GradientIsTheDifferenceOfTheLoss) {
  expect_gradient_is_difference([](const at::Tensor& x) { return losses::pooled_sparsity(x, 3); }, wave({2, 6}));
}

}  // namespace
