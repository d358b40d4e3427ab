#include "losses/contrastive.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "finite_difference.h"
#include "over_ranks.h"

namespace {

double alone(const at::Tensor& first, const at::Tensor& second, double temperature) {
  return losses::nt_xent(first, second, temperature, *runtime::alone()).item<double>();
}

TEST(NtXent, OfFourOrthogonalEmbeddingsPairedWithThemselvesIsKnown) {
  // Each row sees its partner at cosine 1 and six others at 0.
  const at::Tensor corners = at::eye(4, at::kDouble) * 3;
  const double expected = -std::log(std::exp(2.0) / (std::exp(2.0) + 6));
  EXPECT_NEAR(alone(corners, corners * 7, 0.5), expected, 1e-12);
  // All embeddings the same: every one of the 7 others is as likely.
  EXPECT_NEAR(alone(at::ones({4, 4}, at::kDouble), at::ones({4, 4}, at::kDouble), 0.1), std::log(7.0), 1e-9);
}

TEST(NtXent, IsTheClosedFormInPlainLoops) {
  constexpr int kSamples = 5, kWidth = 3;
  constexpr double kTemperature = 0.3;
  const at::Tensor first = wave({kSamples, kWidth}), second = wave({kSamples, kWidth}, 0.4);
  const at::Tensor all = at::cat({first, second});
  double sum = 0;
  for (int i = 0; i < 2 * kSamples; ++i) {
    double below = 0, partner = 0;
    for (int k = 0; k < 2 * kSamples; ++k) {
      if (k == i) continue;
      double dot = 0, own = 0, other = 0;
      for (int c = 0; c < kWidth; ++c) {
        const double a = all[i][c].item<double>(), b = all[k][c].item<double>();
        dot += a * b, own += a * a, other += b * b;
      }
      const double similarity = std::exp(dot / std::sqrt(own * other) / kTemperature);
      below += similarity;
      if (k == (i + kSamples) % (2 * kSamples)) partner = similarity;
    }
    sum -= std::log(partner / below);
  }
  EXPECT_NEAR(alone(first, second, kTemperature), sum / (2 * kSamples), 1e-10);
}

TEST(NtXent, GradientIsTheDifferenceOfTheLoss) {
  const at::Tensor second = wave({3, 4}, 1.1);
  expect_gradient_is_difference(
      [&](const at::Tensor& first) { return losses::nt_xent(first, second, 0.5, *runtime::alone()); }, wave({3, 4}));
}

TEST(NtXent, OverRanksIsOneRankWithTheWholeBatch) {
  expect_ranks_are_one(2, [](const auto& z, runtime::Comm& comm) { return losses::nt_xent(z[0], z[1], 0.2, comm); });
}

TEST(NtXent, LooksAtDirectionsOnlyAndAtNoOrderOfSamples) {
  const at::Tensor first = wave({6, 4}), second = wave({6, 4}, 0.9);
  const at::Tensor order = at::tensor({3, 0, 5, 1, 4, 2}, at::kLong);
  const double value = alone(first, second, 0.5);
  EXPECT_NEAR(alone(first * 10, second * 0.1, 0.5), value, 1e-12);
  EXPECT_NEAR(alone(first.index_select(0, order), second.index_select(0, order), 0.5), value, 1e-12);
  EXPECT_NEAR(alone(second, first, 0.5), value, 1e-12);
  EXPECT_GT(std::abs(alone(first, second.index_select(0, order), 0.5) - value), 1e-3) << "partners matter";
}

TEST(NtXent, ComputesInFloatWhateverComesInAndUnderAutocast) {
  const at::Tensor first = wave({6, 32}).to(at::kBFloat16), second = wave({6, 32}, 0.2).to(at::kBFloat16);
  const double exact = alone(first.to(at::kFloat), second.to(at::kFloat), 0.1);
  EXPECT_EQ(alone(first, second, 0.1), exact);
  at::autocast::set_autocast_enabled(at::kCPU, true);
  const double under_autocast = alone(first, second, 0.1);
  at::autocast::set_autocast_enabled(at::kCPU, false);
  EXPECT_EQ(under_autocast, exact);
}

TEST(NtXent, OfOneSampleIsZeroAndOfZeroEmbeddingsFinite) {
  EXPECT_EQ(alone(at::ones({1, 3}), at::ones({1, 3}), 0.5), 0);
  at::Tensor nothing = at::zeros({3, 4}).requires_grad_();
  const at::Tensor loss = losses::nt_xent(nothing, nothing, 0.5, *runtime::alone());
  loss.backward();
  EXPECT_NEAR(loss.item<double>(), std::log(5.0), 1e-6);
  EXPECT_TRUE(nothing.grad().isfinite().all().item<bool>());
}

TEST(InfoNce, OfOrthogonalRowsPairedWithThemselvesIsKnown) {
  const at::Tensor corners = at::eye(4, at::kDouble) * 3;
  const double expected = -std::log(std::exp(2.0) / (std::exp(2.0) + 3));
  EXPECT_NEAR(losses::info_nce(corners, corners * 7, 0.5, *runtime::alone()).item<double>(), expected, 1e-12);
  // Both rows of the queue stand at right angles.
  const at::Tensor queue = at::eye(4, at::kDouble).narrow(0, 1, 2);
  const at::Tensor one = corners.narrow(0, 0, 1);
  EXPECT_NEAR(losses::info_nce_with_queue(one, one, queue, 0.5).item<double>(),
              -std::log(std::exp(2.0) / (std::exp(2.0) + 2)), 1e-12);
  EXPECT_EQ(losses::info_nce_with_queue(one, one, queue.narrow(0, 0, 0), 0.5).item<double>(), 0);
}

TEST(InfoNce, GradientIsTheDifferenceOfTheLossInQueriesAndKeys) {
  const at::Tensor other = wave({3, 4}, 1.1), queue = wave({5, 4}, 0.3);
  const auto comm = runtime::alone();
  expect_gradient_is_difference([&](const at::Tensor& q) { return losses::info_nce(q, other, 0.5, *comm); },
                                wave({3, 4}));
  expect_gradient_is_difference([&](const at::Tensor& k) { return losses::info_nce(other, k, 0.5, *comm); },
                                wave({3, 4}));
  expect_gradient_is_difference([&](const at::Tensor& q) { return losses::info_nce_with_queue(q, other, queue, 0.5); },
                                wave({3, 4}));
}

TEST(InfoNce, RowsOfTheQueueThatAreNotCountedAreAsIfTheyWereNotThere) {
  const at::Tensor queries = wave({3, 4}), keys = wave({3, 4}, 0.9), queue = wave({5, 4}, 0.3);
  const at::Tensor last_two = at::tensor({0, 0, 0, 1, 1}, at::kLong).expand({3, 5});
  EXPECT_NEAR(losses::info_nce_with_queue(queries, keys, queue, 0.3, last_two).item<double>(),
              losses::info_nce_with_queue(queries, keys, queue.slice(0, 3), 0.3).item<double>(), 1e-12);
  // Each query by itself: none, one and all of the queue.
  const at::Tensor own = at::tensor({0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 1, 1}, at::kLong).view({3, 5});
  const auto row = [](const at::Tensor& rows, std::int64_t i) { return rows.narrow(0, i, 1); };
  const double one = losses::info_nce_with_queue(row(queries, 1), row(keys, 1), row(queue, 1), 0.3).item<double>(),
               all = losses::info_nce_with_queue(row(queries, 2), row(keys, 2), queue, 0.3).item<double>();
  EXPECT_NEAR(losses::info_nce_with_queue(queries, keys, queue, 0.3, own).item<double>(), (0 + one + all) / 3, 1e-12);
  expect_gradient_is_difference(
      [&](const at::Tensor& q) { return losses::info_nce_with_queue(q, keys, queue, 0.5, own); }, wave({3, 4}));
  expect_gradient_is_difference(
      [&](const at::Tensor& k) { return losses::info_nce_with_queue(queries, keys, k, 0.5, own); }, wave({5, 4}));
}

TEST(InfoNce, OverRanksIsOneRankWithTheWholeBatch) {
  expect_ranks_are_one(2, [](const auto& z, runtime::Comm& comm) { return losses::info_nce(z[0], z[1], 0.2, comm); });
}

TEST(InfoNce, RowsThatAreNotCountedAreNeitherQueryNorKey) {
  const at::Tensor first = wave({5, 4}), second = wave({5, 4}, 0.9);
  const at::Tensor counted = at::tensor({1.0, 0.0, 1.0, 1.0, 0.0}, at::kDouble),
                   kept = at::tensor({0, 2, 3}, at::kLong);
  const auto comm = runtime::alone();
  EXPECT_NEAR(losses::info_nce(first, second, 0.3, *comm, counted).item<double>(),
              losses::info_nce(first.index_select(0, kept), second.index_select(0, kept), 0.3, *comm).item<double>(),
              1e-12);
  EXPECT_NEAR(losses::info_nce(first, second, 0.3, *comm, at::ones({5}, at::kDouble)).item<double>(),
              losses::info_nce(first, second, 0.3, *comm).item<double>(), 1e-12);
  at::Tensor none = first.clone().requires_grad_();
  const at::Tensor loss = losses::info_nce(none, second, 0.3, *comm, at::zeros({5}, at::kDouble));
  loss.backward();
  EXPECT_EQ(loss.item<double>(), 0);
  EXPECT_EQ(none.grad().abs().max().item<double>(), 0);
  expect_ranks_are_one(2, [](const auto& z, runtime::Comm& each) {
    const at::Tensor row = at::arange(z[0].size(0)) + each.rank() * z[0].size(0);
    return losses::info_nce(z[0], z[1], 0.2, each, (row.remainder(3) > 0).to(at::kDouble));
  });
}

TEST(Triplet, OfKnownDistancesIsKnown) {
  // Partner at a distance of 0, the two others at |e1 - e2|^2 = 2.
  const at::Tensor corners = at::eye(3, at::kDouble);
  const auto comm = runtime::alone();
  EXPECT_NEAR(losses::triplet(corners, corners * 2, 2.5, *comm).item<double>(), 0.5, 1e-12);
  EXPECT_EQ(losses::triplet(corners, corners * 2, 1.5, *comm).item<double>(), 0);
  // Partner at 2, one other at 0 and one at 2: margins 2 + 1 and 0 + 1.
  EXPECT_NEAR(losses::triplet(corners, corners.roll(1, 0), 1, *comm).item<double>(), 2, 1e-12);
  EXPECT_EQ(losses::triplet(corners.narrow(0, 0, 1), corners.narrow(0, 0, 1), 1, *comm).item<double>(), 0);
}

TEST(Triplet, GradientIsTheDifferenceAndRanksAreOne) {
  const at::Tensor other = wave({3, 4}, 1.1);
  const auto comm = runtime::alone();
  expect_gradient_is_difference([&](const at::Tensor& a) { return losses::triplet(a, other, 1.5, *comm); },
                                wave({3, 4}));
  expect_ranks_are_one(2, [](const auto& z, runtime::Comm& each) { return losses::triplet(z[0], z[1], 1.5, each); });
}

}  // namespace
