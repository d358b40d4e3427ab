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

}  // namespace
