#include "ssl/whitening.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "../losses/finite_difference.h"

TEST(Whitening, OfTwoRowsIsOneAxisWithPlusAndMinusOne) {
  const at::Tensor rows = at::tensor({1., 5., 3., 1., 9., 3.}, at::kDouble).view({2, 3});
  const at::Tensor white = ssl::whitened(rows, 3);
  ASSERT_EQ(white.sizes(), (at::IntArrayRef{2, 1}));
  EXPECT_NEAR(std::abs(white[0][0].item<double>()), 1, 1e-6);
  EXPECT_NEAR((white[0][0] + white[1][0]).item<double>(), 0, 1e-6);
}

TEST(Whitening, AxesAreUncorrelatedAndOfVarianceOne) {
  const at::Tensor rows = wave({50, 4}).matmul(wave({4, 4}, 2)) + 7, white = ssl::whitened(rows, 4);
  ASSERT_EQ(white.size(1), ssl::whitened(rows, 100).size(1));
  EXPECT_LT(white.mean(0).abs().max().item<double>(), 1e-5);
  EXPECT_TRUE(at::allclose(white.t().matmul(white) / 50, at::eye(white.size(1)), 1e-4, 1e-4));
}

TEST(Whitening, DoesNotDependOnWhichMeasuresTheRowsAreTakenIn) {
  const at::Tensor rows = (3.1 * wave({40, 1}) + at::arange(40, at::kDouble).view({40, 1})).sin();
  const at::Tensor all = at::cat({rows, rows.square(), wave({40, 1}, 1) * rows}, 1);
  const at::Tensor mixed = all.matmul(at::tensor({2., 0., 1., -3., 1., 0., 0., 4., 5.}, at::kDouble).view({3, 3})) - 9;
  const at::Tensor one = ssl::whitened(all, 3), other = ssl::whitened(mixed, 3);
  EXPECT_TRUE(at::allclose(one.matmul(one.t()), other.matmul(other.t()), 1e-4, 1e-4)) << "all cosines between rows";
}

TEST(Whitening, KeepsTheAxesInWhichRowsDifferMost) {
  const at::Tensor large = 10 * wave({30, 1}), small = 0.1 * wave({30, 1}, 1.3);
  const at::Tensor white = ssl::whitened(at::cat({small, large}, 1), 1), expected = ssl::whitened(large, 1);
  EXPECT_GT((white * expected).mean().abs().item<double>(), 0.999);
}

TEST(Whitening, OfRowsThatAreAllTheSameIsZero) {
  const at::Tensor white = ssl::whitened(at::full({5, 3}, 0.1), 3);
  EXPECT_TRUE(at::equal(white, at::zeros({5, 1})));
  EXPECT_TRUE(at::equal(ssl::whitened(at::zeros({5, 3}), 2), at::zeros({5, 1})));
}
