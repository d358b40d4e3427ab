#include "losses/adversarial.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "finite_difference.h"

namespace {

TEST(ToldApart, HandValueAndTwoLogTwoWhereNothingIsTold) {
  const at::Tensor real = at::tensor({0.0, std::log(3.0)}), made = at::tensor({-std::log(3.0)});
  // s(0) = 1/2, s(log 3) = 3/4, s(-log 3) = 1/4.
  EXPECT_NEAR(losses::told_apart(real, made).item<double>(),
              (std::log(2.0) + std::log(4.0 / 3)) / 2 + std::log(4.0 / 3), 1e-12);
  EXPECT_NEAR(losses::told_apart(at::zeros({5, 1}), at::zeros({2})).item<double>(), 2 * std::log(2.0), 1e-6);
}

TEST(TakenForReal, HandValue) {
  EXPECT_NEAR(losses::taken_for_real(at::tensor({0.0, std::log(3.0)})).item<double>(),
              (std::log(2.0) + std::log(4.0 / 3)) / 2, 1e-12);
}

TEST(Adversarial, StayFiniteFarOut) {
  const at::Tensor far = at::tensor({1e4f, -1e4f});
  EXPECT_EQ(losses::told_apart(far, far).item<double>(), 1e4);
  EXPECT_EQ(losses::taken_for_real(far).item<double>(), 5e3);
}

TEST(Adversarial, GradientIsTheDifferenceOfTheLoss) {
  const at::Tensor other = wave({4, 1}, 1);
  expect_gradient_is_difference([&](const at::Tensor& x) { return losses::told_apart(x, other); }, wave({3, 1}));
  expect_gradient_is_difference([&](const at::Tensor& x) { return losses::told_apart(other, x); }, wave({3, 1}));
  expect_gradient_is_difference([](const at::Tensor& x) { return losses::taken_for_real(x); }, wave({3, 1}));
}

TEST(Steepness, OfAPlaneIsItsSlopeTimesTheNumbersOfARow) {
  // score = 2 a1 - a2 + 3 b: 2 (4 + 1) + 1 x 9.
  const at::Tensor a = wave({4, 2}).requires_grad_(), b = wave({4, 1}, 1).requires_grad_();
  const at::Tensor scores = 2 * a.select(1, 0) - a.select(1, 1) + 3 * b.select(1, 0);
  EXPECT_NEAR(losses::steepness(scores, {a, b}).item<double>(), 19, 1e-12);
}

TEST(Steepness, IsTheMeanOverRowsOfTheSquaredSlope) {
  // score = sum of x^2: the slope is 2 x, three numbers a row.
  const at::Tensor x = wave({5, 3}).requires_grad_();
  const double expected = (3 * 4 * x.detach().square().sum(1)).mean().item<double>();
  EXPECT_NEAR(losses::steepness(x.square().sum(1), {x}).item<double>(), expected, 1e-12);
}

// A picture of finer voxels shows the same: a critic that looks at the mean is as steep as before.
TEST(Steepness, DoesNotDependOnHowFineThePictureIs) {
  for (const std::int64_t side : {2, 8}) {
    const at::Tensor x = wave({3, 1, side, side, side}).requires_grad_();
    EXPECT_NEAR(losses::steepness(5 * x.mean({1, 2, 3, 4}), {x}).item<double>(), 25, 1e-10) << side;
  }
}

TEST(Steepness, GradientIsTheDifference) {
  const at::Tensor x = wave({3, 4}, 1);
  expect_gradient_is_difference(
      [&](const at::Tensor& weight) {
        const at::AutoGradMode with_gradient(true);
        const at::Tensor input = x.clone().requires_grad_();
        const at::Tensor begun = weight.requires_grad() ? weight : weight.clone().requires_grad_();
        return losses::steepness(at::tanh(input.matmul(begun)).square().sum(1), {input});
      },
      wave({4, 2}), 1e-6);
}

}  // namespace
