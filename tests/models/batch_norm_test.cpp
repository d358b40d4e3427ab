#include "models/batch_norm.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace {

struct Whole {
  at::Tensor x, y, dx, dweight, dbias, mean, variance;
};

at::Tensor numbers(at::IntArrayRef sizes, double step, at::ScalarType type) {
  std::int64_t count = 1;
  for (const std::int64_t size : sizes) count *= size;
  return at::sin(at::arange(count, at::kDouble) * step).reshape(sizes).to(type);
}

// Torch's own over three batches, the last one's values and gradients of sum(y * c).
constexpr double kShift = 3;  // far enough from 0 that a variance by squares alone would show

at::Tensor batch_of(at::IntArrayRef sizes, int round, at::ScalarType type) {
  return numbers(sizes, 0.37 + 0.1 * round, type) * (round + 1) + kShift;
}

Whole by_torch(at::IntArrayRef sizes, at::ScalarType type) {
  const std::int64_t channels = sizes[1];
  Whole whole;
  whole.mean = at::zeros({channels}, type);
  whole.variance = at::ones({channels}, type);
  const at::Tensor weight = (numbers({channels}, 1.3, type) + 2).requires_grad_();
  const at::Tensor bias = numbers({channels}, 0.9, type).requires_grad_();
  for (int round = 0; round < 3; ++round) {
    whole.x = batch_of(sizes, round, type).requires_grad_();
    weight.mutable_grad() = bias.mutable_grad() = at::Tensor();
    whole.y = at::batch_norm(whole.x, weight, bias, whole.mean, whole.variance, true, 0.1, 1e-5, false);
    (whole.y * numbers(sizes, 0.77, type)).sum().backward();
  }
  whole.dx = whole.x.grad();
  whole.dweight = weight.grad();
  whole.dbias = bias.grad();
  return whole;
}

bool near(const at::Tensor& a, const at::Tensor& b, double tolerance) {
  return (a - b).abs().max().item<double>() <= tolerance * (1 + b.abs().max().item<double>());
}

// Rank r has `parts[r]` samples of the batch.
void expect_torchs_of_the_whole_batch(const std::vector<std::int64_t>& parts, at::IntArrayRef sizes,
                                      at::ScalarType type, double tolerance) {
  const Whole whole = by_torch(sizes, type);
  runtime::run_ranks(static_cast<int>(parts.size()), [&](runtime::Comm& comm) {
    std::int64_t begin = 0;
    for (int rank = 0; rank < comm.rank(); ++rank) begin += parts[static_cast<std::size_t>(rank)];
    const std::int64_t size = parts[static_cast<std::size_t>(comm.rank())];
    models::BatchNorm norm(sizes[1]);
    norm.to(type);
    {
      const at::NoGradGuard no_gradient;
      norm.weight.copy_(numbers({sizes[1]}, 1.3, type) + 2);
      norm.bias.copy_(numbers({sizes[1]}, 0.9, type));
    }
    at::Tensor x, y;
    for (int round = 0; round < 3; ++round) {
      x = batch_of(sizes, round, type).narrow(0, begin, size).clone().requires_grad_();
      norm.zero_grad();
      y = norm.forward(x, comm);
      (y * numbers(sizes, 0.77, type).narrow(0, begin, size)).sum().backward();
    }
    EXPECT_TRUE(near(y, whole.y.narrow(0, begin, size), tolerance));
    EXPECT_TRUE(near(x.grad(), whole.dx.narrow(0, begin, size), tolerance));
    at::Tensor of_weight = norm.weight.grad(), of_bias = norm.bias.grad();
    comm.all_reduce_sum(of_weight);
    comm.all_reduce_sum(of_bias);
    EXPECT_TRUE(near(of_weight, whole.dweight, tolerance));
    EXPECT_TRUE(near(of_bias, whole.dbias, tolerance));
    EXPECT_TRUE(near(norm.running_mean, whole.mean, tolerance));
    EXPECT_TRUE(near(norm.running_var, whole.variance, tolerance));
    EXPECT_EQ(norm.num_batches_tracked.item<std::int64_t>(), 3);
    const at::Tensor statistics = at::stack({norm.running_mean, norm.running_var}).unsqueeze(0);
    for (const at::Tensor& each : comm.all_gather(statistics).unbind())
      EXPECT_TRUE(at::equal(each, statistics[0])) << "ranks must hold the same bits";
  });
}

TEST(BatchNorm, HandValue) {
  // Mean 4, variance 4: -1 and 1, times 2 plus 0.25.
  const at::Tensor x = at::tensor({2.0, 6.0}).view({2, 1});
  const at::Tensor y =
      models::batch_norm(x, at::full({1}, 2.0, at::kDouble), at::full({1}, 0.25, at::kDouble), *runtime::alone());
  EXPECT_NEAR(y[0].item<double>(), -2 + 0.25, 1e-5);
  EXPECT_NEAR(y[1].item<double>(), 2 + 0.25, 1e-5);
}

TEST(BatchNorm, ValuesGradientsAndStatisticsOfRanksAreTorchsOfTheWholeBatch) {
  for (const std::vector<std::int64_t>& parts : {std::vector<std::int64_t>{8}, {4, 4}, {2, 2, 2, 2}, {5, 3}}) {
    expect_torchs_of_the_whole_batch(parts, {8, 3, 2, 3, 2}, at::kDouble, 1e-12);
    expect_torchs_of_the_whole_batch(parts, {8, 5}, at::kDouble, 1e-12);
    expect_torchs_of_the_whole_batch(parts, {8, 3, 2, 3, 2}, at::kFloat, 1e-5);
  }
}

TEST(BatchNorm, TheGradientIsThatOfFiniteDifferences) {
  const auto comm = runtime::alone();
  const at::Tensor start = batch_of({4, 2, 3}, 0, at::kDouble), weight = numbers({2}, 1.3, at::kDouble) + 2,
                   bias = numbers({2}, 0.9, at::kDouble), factor = numbers({4, 2, 3}, 0.77, at::kDouble);
  const auto loss = [&](const at::Tensor& x) { return (models::batch_norm(x, weight, bias, *comm) * factor).sum(); };
  const at::Tensor x = start.clone().requires_grad_();
  loss(x).backward();
  for (std::int64_t i = 0; i < start.numel(); ++i) {
    at::Tensor up = start.clone(), down = start.clone();
    up.view(-1)[i] += 1e-5;
    down.view(-1)[i] -= 1e-5;
    const double slope = (loss(up).item<double>() - loss(down).item<double>()) / 2e-5;
    EXPECT_NEAR(x.grad().view(-1)[i].item<double>(), slope, 1e-7) << i;
  }
}

TEST(BatchNorm, EvaluationTakesTheRunningStatisticsAndAsksNoOtherRank) {
  runtime::run_ranks(2, [](runtime::Comm& comm) {
    models::BatchNorm norm(2);
    norm.forward(batch_of({4, 2}, comm.rank(), at::kFloat), comm);
    norm.eval();
    if (comm.rank() == 1) return;
    const at::Tensor x = batch_of({1, 2}, 1, at::kFloat);  // a single sample is no trouble here
    const at::Tensor y = (x - norm.running_mean) / (norm.running_var + 1e-5).sqrt();
    EXPECT_TRUE(at::allclose(norm.forward(x, comm), y, 1e-5, 1e-6));
    EXPECT_EQ(norm.num_batches_tracked.item<std::int64_t>(), 1);
  });
}

TEST(BatchNorm, HalfPrecisionIsComputedInFloatAndWithoutWeightItOnlyNormalises) {
  const auto comm = runtime::alone();
  const at::Tensor x = batch_of({8, 3}, 1, at::kBFloat16), leaf = x.clone().requires_grad_();
  const at::Tensor y = models::batch_norm(leaf, {}, {}, *comm);
  EXPECT_EQ(y.scalar_type(), at::kBFloat16);
  EXPECT_TRUE(at::equal(y, models::batch_norm(x.to(at::kFloat), {}, {}, *comm).to(at::kBFloat16)));
  y.sum().backward();
  EXPECT_EQ(leaf.grad().scalar_type(), at::kBFloat16);
}

TEST(BatchNorm, OneValueAloneIsRefused) {
  try {
    models::batch_norm(at::ones({1, 3}), {}, {}, *runtime::alone());
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kUsage);
    EXPECT_NE(error.hint().find("data.batch_size"), std::string::npos);
  }
}

}  // namespace
