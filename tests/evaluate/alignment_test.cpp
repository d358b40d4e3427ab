#include "evaluate/alignment.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "evaluate/effective_rank.h"

namespace {

at::Tensor rows(std::vector<double> values, std::int64_t columns) {
  return at::tensor(values, at::kDouble).reshape({-1, columns});
}
at::Tensor odd(std::int64_t n, std::int64_t c) { return at::sin(at::arange(n * c, at::kDouble).square()).view({n, c}); }

}  // namespace

TEST(Alignment, HandValues) {
  EXPECT_NEAR(evaluate::alignment(rows({3, 0, 0, 2}, 2), rows({1, 0, 0, 9}, 2)), 0, 1e-12) << "only directions count";
  EXPECT_NEAR(evaluate::alignment(rows({1, 0}, 2), rows({0, 1}, 2)), 2, 1e-12);
  EXPECT_NEAR(evaluate::alignment(rows({1, 0}, 2), rows({-4, 0}, 2)), 4, 1e-12);
  EXPECT_NEAR(evaluate::alignment(rows({1, 0, 1, 0}, 2), rows({1, 0, 0, 1}, 2)), 1, 1e-12) << "a mean over samples";
  EXPECT_NEAR(evaluate::alignment(rows({0, 0}, 2), rows({5, 0}, 2)), 1, 1e-12) << "a row of 0 stays 0";
}

TEST(Uniformity, HandValues) {
  EXPECT_NEAR(evaluate::uniformity(rows({1, 0, 7, 0}, 2)), 0, 1e-12);
  EXPECT_NEAR(evaluate::uniformity(rows({1, 0, 0, 3}, 2)), -4, 1e-12);
  EXPECT_NEAR(evaluate::uniformity(rows({1, 0, -1, 0}, 2)), -8, 1e-12);
  // Three rows: two alike, one opposite; pairs at 0, 4 and 4.
  EXPECT_NEAR(evaluate::uniformity(rows({1, 0, 1, 0, -1, 0}, 2)), std::log((1 + 2 * std::exp(-8)) / 3), 1e-12);
}

TEST(Uniformity, IsTheMeanOverAllPairsWhateverTheirOrderAndLength) {
  const at::Tensor x = odd(17, 5);
  double sum = 0;
  for (std::int64_t i = 0; i < 17; ++i) {
    for (std::int64_t j = i + 1; j < 17; ++j) {
      const at::Tensor a = x[i] / x[i].norm(), b = x[j] / x[j].norm();
      sum += std::exp(-2 * (a - b).square().sum().item<double>());
    }
  }
  const double expected = std::log(sum / (17 * 16 / 2));
  EXPECT_NEAR(evaluate::uniformity(x), expected, 1e-9);
  EXPECT_NEAR(evaluate::uniformity(x.flip(0) * at::arange(1, 18, at::kDouble).unsqueeze(1)), expected, 1e-9);
  EXPECT_LT(evaluate::uniformity(at::randn({400, 64}, at::kDouble)), -3.5) << "near -4 where all directions are alike";
}

TEST(Alignment, RefusesWhatIsNotFinite) {
  EXPECT_THROW(evaluate::alignment(at::full({2, 2}, std::nan("")), at::ones({2, 2})), core::Error);
  EXPECT_THROW(evaluate::uniformity(at::full({2, 2}, std::nan(""))), core::Error);
}

TEST(EmbeddingDeviation, IsNoneWhenAllPointOneWayAndOneWhenTheyPointEverywhere) {
  EXPECT_NEAR(evaluate::embedding_deviation(rows({1, 2, 3, 6, 0.5, 1}, 2)), 0, 1e-12);
  // The axes, both ways: each dimension is +1, -1 and 0 otherwise.
  EXPECT_NEAR(evaluate::embedding_deviation(at::cat({at::eye(6, at::kDouble), -at::eye(6, at::kDouble)})), 1, 1e-12);
  // Unit rows (1, 0) and (0, 1): deviation 1/2 in both dimensions.
  EXPECT_NEAR(evaluate::embedding_deviation(rows({4, 0, 0, 2}, 2)), 0.5 * std::sqrt(2.0), 1e-12);
  const at::Tensor x = odd(20, 7);
  EXPECT_NEAR(evaluate::embedding_deviation(x * 30), evaluate::embedding_deviation(x), 1e-12);
}
