#include "losses/clustering.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "finite_difference.h"
#include "over_ranks.h"

TEST(Sinkhorn, GivesEachPrototypeAnEqualShareAndEachRowOne) {
  // Every row prefers prototype 0.
  at::Tensor scores = wave({12, 4});
  scores.select(1, 0).add_(2);
  const at::Tensor codes = losses::sinkhorn(scores, 0.5, 200, *kAlone);
  EXPECT_TRUE(at::allclose(codes.sum(1), at::ones({12}, at::kDouble)));
  EXPECT_TRUE(at::allclose(codes.sum(0), at::full({4}, 3.0, at::kDouble), 1e-4, 1e-4));
  EXPECT_FALSE(codes.requires_grad());
}

TEST(Sinkhorn, OfTwoRowsAndTwoPrototypesIsKnown) {
  // exp(scores) = [[1, 3], [1, 1]]: the share a of row 0 in prototype 1 fulfils (a / (1 - a))^2 = 3.
  const at::Tensor scores = at::tensor({0.0, std::log(3.0), 0.0, 0.0}, at::kDouble).view({2, 2});
  const at::Tensor codes = losses::sinkhorn(scores, 1, 300, *kAlone);
  const double a = std::sqrt(3.0) / (1 + std::sqrt(3.0));
  EXPECT_NEAR(codes[0][1].item<double>(), a, 1e-9);
  EXPECT_NEAR(codes[1][0].item<double>(), a, 1e-9);
}

TEST(Sinkhorn, DoesNotOverflowAndSplitsOverRanksWithUnlikeNumbersOfRows) {
  const at::Tensor scores = wave({10, 4}).to(at::kFloat) * 100;
  const at::Tensor whole = losses::sinkhorn(scores, 0.05, 3, *kAlone);
  EXPECT_TRUE(whole.isfinite().all().item<bool>());
  EXPECT_TRUE(at::allclose(whole.sum(1), at::ones({10}), 1e-5, 1e-5));
  std::array<at::Tensor, 3> parts;
  const std::array<std::int64_t, 3> begin{0, 7, 7}, rows{7, 0, 3};
  runtime::run_ranks(3, [&](runtime::Comm& comm) {
    const auto rank = static_cast<std::size_t>(comm.rank());
    parts[rank] = losses::sinkhorn(scores.narrow(0, begin[rank], rows[rank]), 0.05, 3, comm);
  });
  EXPECT_TRUE(at::allclose(at::cat({parts[0], parts[1], parts[2]}), whole, 1e-4, 1e-5));
}

TEST(SwappedPrediction, IsTheCrossEntropyOfEachCodeWithEveryOtherView) {
  const std::vector<at::Tensor> scores{wave({2, 3}), wave({2, 3}, 0.4), wave({2, 3}, 0.9)};
  const std::vector<at::Tensor> codes{wave({2, 3}, 1.7).softmax(1), wave({2, 3}, 2.2).softmax(1)};
  double sum = 0;
  for (std::size_t code = 0; code < 2; ++code) {
    for (std::size_t view = 0; view < 3; ++view) {
      if (view == code) continue;
      for (int row = 0; row < 2; ++row) {
        double below = 0;
        for (int k = 0; k < 3; ++k) below += std::exp(scores[view][row][k].item<double>() / 0.2);
        for (int k = 0; k < 3; ++k)
          sum -= codes[code][row][k].item<double>() * (scores[view][row][k].item<double>() / 0.2 - std::log(below));
      }
    }
  }
  EXPECT_NEAR(losses::swapped_prediction(scores, codes, 0.2).item<double>(), sum / (2 * 2 * 2), 1e-12);
}

TEST(SwappedPrediction, GradientIsTheDifferenceOfTheLoss) {
  const std::vector<at::Tensor> codes{wave({2, 3}, 1.7).softmax(1), wave({2, 3}, 2.2).softmax(1)};
  expect_gradient_is_difference(
      [&](const at::Tensor& x) {
        return losses::swapped_prediction({x, wave({2, 3}, 0.4)}, codes, 0.5);
      },
      wave({2, 3}));
}

TEST(ClusterCrossEntropy, OfEqualScoresIsTheLogarithmOfTheirNumber) {
  const at::Tensor cluster = at::tensor({2, 0}, at::kLong);
  for (const double smoothing : {0.0, 0.8}) {
    EXPECT_NEAR(losses::cluster_cross_entropy(at::zeros({2, 4}, at::kDouble), cluster, 0.1, smoothing).item<double>(),
                std::log(4.0), 1e-12);
  }
}

TEST(ClusterCrossEntropy, SmoothedItIsAtBestTheEntropyOfItsTarget) {
  const at::Tensor cluster = at::tensor({2, 0}, at::kLong);
  const double rest = 0.8 / 4, own = 0.2 + rest;
  at::Tensor best = at::full({2, 4}, std::log(rest), at::kDouble);
  best[0][2] = best[1][0] = std::log(own);
  const double entropy = -own * std::log(own) - 3 * rest * std::log(rest);
  EXPECT_NEAR(losses::smoothed_entropy(4, 0.8), entropy, 1e-12);
  EXPECT_NEAR(losses::cluster_cross_entropy(best, cluster, 1, 0.8).item<double>(), entropy, 1e-12);
  EXPECT_GT(losses::cluster_cross_entropy(best * 1.1, cluster, 1, 0.8).item<double>(), entropy);
  EXPECT_EQ(losses::smoothed_entropy(4, 0), 0);
  expect_gradient_is_difference(
      [&](const at::Tensor& x) { return losses::cluster_cross_entropy(x, cluster, 0.5, 0.3); }, wave({2, 4}));
}

TEST(ClusterCrossEntropy, RowsCountByTheWeightOfTheirCluster) {
  const at::Tensor cluster = at::tensor({2, 0, 2}, at::kLong), scores = wave({3, 4});
  const at::Tensor weight = at::tensor({3.0, 7.0, 0.5, 0.0}, at::kDouble);
  double sum = 0;
  for (std::int64_t row = 0; row < 3; ++row) {
    sum += weight[cluster[row].item<std::int64_t>()].item<double>() *
           losses::cluster_cross_entropy(scores.narrow(0, row, 1), cluster.narrow(0, row, 1), 0.5, 0.2).item<double>();
  }
  EXPECT_NEAR(losses::cluster_cross_entropy(scores, cluster, 0.5, 0.2, weight).item<double>(), sum / 3, 1e-12);
  expect_gradient_is_difference(
      [&](const at::Tensor& x) { return losses::cluster_cross_entropy(x, cluster, 0.5, 0.2, weight); }, wave({3, 4}));
}

TEST(BalancingWeight, GivesEveryClusterTheSameShareAndRowsOneInTheMean) {
  const at::Tensor sizes = at::tensor({1, 4, 5, 2}, at::kLong);
  const at::Tensor weight = losses::balancing_weight(sizes);
  EXPECT_TRUE(at::allclose(weight, at::tensor({3.0f, 0.75f, 0.6f, 1.5f}), 1e-6, 1e-6));
  EXPECT_TRUE(at::allclose(weight * sizes, at::full({4}, 3.0), 1e-6, 1e-6));
}

TEST(ClusterCrossEntropy, RanksAreOne) {
  expect_ranks_are_one(1, [](const auto& z, runtime::Comm& comm) {
    const at::Tensor cluster = (at::arange(z[0].size(0)) + comm.rank() * z[0].size(0)).remainder(3);
    return losses::cluster_cross_entropy(z[0], cluster, 0.5, 0.2);
  });
}
