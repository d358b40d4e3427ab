#include "evaluate/effective_rank.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"

TEST(EffectiveRank, OfKnownSingularValues) {
  EXPECT_NEAR(evaluate::effective_rank(at::eye(5)), 5, 1e-9);
  EXPECT_NEAR(evaluate::effective_rank(at::ones({7, 3})), 1, 1e-6);
  EXPECT_EQ(evaluate::effective_rank(at::zeros({4, 2})), 0);
  // Shares 3/4 and 1/4.
  const double by_hand = std::exp(-(0.75 * std::log(0.75) + 0.25 * std::log(0.25)));
  EXPECT_NEAR(evaluate::effective_rank(at::tensor({3.0, 0.0, 0.0, 1.0}).view({2, 2})), by_hand, 1e-9);
}

TEST(EffectiveRank, DoesNotChangeWithScaleOrderOrTurn) {
  const at::Tensor rows = at::sin(at::arange(60, at::kDouble).square()).view({12, 5});
  const double rank = evaluate::effective_rank(rows);
  EXPECT_GT(rank, 1);
  EXPECT_LT(rank, 5);
  EXPECT_NEAR(evaluate::effective_rank(rows * 100), rank, 1e-9);
  EXPECT_NEAR(evaluate::effective_rank(rows.flip(0)), rank, 1e-9);
  const at::Tensor turn = std::get<0>(at::linalg_qr(at::cos(at::arange(25, at::kDouble)).view({5, 5})));
  EXPECT_NEAR(evaluate::effective_rank(rows.matmul(turn)), rank, 1e-9);
}

TEST(EmbeddingSpread, IsNoneForEqualRowsAndOneAroundTheOrigin) {
  EXPECT_NEAR(evaluate::embedding_spread(at::ones({4, 3})), 0, 1e-12);
  EXPECT_NEAR(evaluate::embedding_spread(at::tensor({1.0, 2.0, -1.0, -2.0}).view({2, 2})), 1, 1e-12);
  // Rows 1 and 3: deviations 1 and 1, norm sqrt 2 over sqrt 10.
  EXPECT_NEAR(evaluate::embedding_spread(at::tensor({1.0, 3.0}).view({2, 1})), std::sqrt(0.2), 1e-12);
}

TEST(EffectiveRank, RefusesWhatIsNotFinite) {
  EXPECT_THROW(evaluate::effective_rank(at::full({2, 2}, std::nan(""))), core::Error);
}
