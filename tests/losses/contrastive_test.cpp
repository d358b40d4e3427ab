#include "losses/contrastive.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "finite_difference.h"

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
  const at::Tensor data = wave({2, 8, 5}), start = wave({5, 3}, 0.2);
  at::Tensor weight = start.clone().requires_grad_();
  const at::Tensor whole = losses::nt_xent(data[0].matmul(weight), data[1].matmul(weight), 0.2, *runtime::alone());
  whole.backward();
  for (const int ranks : {2, 4}) {
    std::vector<at::Tensor> values(static_cast<std::size_t>(ranks)), gradients(values.size());
    runtime::run_ranks(ranks, [&](runtime::Comm& comm) {
      at::Tensor own = start.clone().requires_grad_();
      const std::int64_t rows = 8 / comm.size();
      const at::Tensor part = data.narrow(1, comm.rank() * rows, rows);
      const at::Tensor loss = losses::nt_xent(part[0].matmul(own), part[1].matmul(own), 0.2, comm);
      loss.backward();
      at::Tensor value = loss.detach().clone(), gradient = own.grad();
      comm.all_reduce_sum(value);
      comm.all_reduce_sum(gradient);
      values[static_cast<std::size_t>(comm.rank())] = value / comm.size();
      gradients[static_cast<std::size_t>(comm.rank())] = gradient / comm.size();
    });
    for (std::size_t rank = 0; rank < values.size(); ++rank) {
      EXPECT_NEAR(values[rank].item<double>(), whole.item<double>(), 1e-12) << ranks;
      EXPECT_TRUE(at::allclose(gradients[rank], weight.grad(), 1e-10, 1e-12)) << ranks;
    }
  }
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

}  // namespace
