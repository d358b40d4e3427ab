#include "losses/registration.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "finite_difference.h"

namespace {

constexpr std::array<double, 3> kCube{1, 1, 1};

at::Tensor everywhere(const at::Tensor& picture) { return at::ones_like(picture.narrow(1, 0, 1)); }

double unlike(const at::Tensor& moved, const at::Tensor& fixed, std::int64_t side = 3) {
  return losses::local_unlikeness(moved, fixed, everywhere(fixed), side).mean.item<double>();
}

TEST(LocalUnlikeness, HandValue) {
  // One window of the whole row, seen from its middle: a = (1, 2, 3), b = (1, 3, 2) have r = 1 / 2. From its ends two
  // voxels are seen: r = 1, and r = -1 between (2, 3) and (3, 2).
  const at::Tensor a = at::tensor({1.0, 2.0, 3.0}, at::kDouble).view({1, 1, 1, 1, 3});
  const at::Tensor b = at::tensor({1.0, 3.0, 2.0}, at::kDouble).view({1, 1, 1, 1, 3});
  const losses::Unlikeness found = losses::local_unlikeness(a, b, everywhere(b), 3);
  EXPECT_NEAR(found.mean.item<double>(), (1 - 0.25) / 3, 1e-12);
  EXPECT_EQ(found.windows.item<std::int64_t>(), 3);
  EXPECT_FALSE(found.windows.requires_grad());
}

// The definition, window by window.
TEST(LocalUnlikeness, IsTheDefinitionInLoops) {
  const at::Tensor moved = wave({2, 2, 4, 5, 6}), fixed = wave({2, 2, 4, 5, 6}, 0.4) + 0.3 * wave({2, 2, 4, 5, 6}, 2);
  const at::Tensor counted = (wave({2, 1, 4, 5, 6}, 3) > -0.5).to(at::kByte);
  double sum = 0;
  std::int64_t windows = 0;
  for (std::int64_t voxel = 0; voxel < 4 * 5 * 6; ++voxel) {
    const std::int64_t z = voxel / 30, y = voxel / 6 % 5, x = voxel % 6;
    const auto around = [&](const at::Tensor& whole) {
      at::Tensor part = whole;
      for (const auto& [axis, at] : {std::pair{0, z}, std::pair{1, y}, std::pair{2, x}})
        part = part.slice(axis, std::max<std::int64_t>(at - 1, 0), at + 2);
      return part;
    };
    for (std::int64_t n = 0; n < 2; ++n) {
      if (counted[n][0][z][y][x].item<int>() == 0) continue;
      const at::Tensor mask = around(counted[n][0]) > 0;
      for (std::int64_t c = 0; c < 2; ++c) {
        const at::Tensor a = around(moved[n][c]).masked_select(mask), b = around(fixed[n][c]).masked_select(mask);
        const at::Tensor ca = a - a.mean(), cb = b - b.mean();
        const double r = (ca * cb).sum().item<double>() / (ca.norm() * cb.norm()).item<double>();
        sum += 1 - r * r;
        ++windows;
      }
    }
  }
  const losses::Unlikeness found = losses::local_unlikeness(moved, fixed, counted, 3);
  EXPECT_EQ(found.windows.item<std::int64_t>(), windows);
  EXPECT_NEAR(found.mean.item<double>(), sum / static_cast<double>(windows), 1e-9);
}

TEST(LocalUnlikeness, DoesNotKnowTheLineOfGreyValues) {
  const at::Tensor moved = wave({1, 2, 5, 5, 5}), fixed = wave({1, 2, 5, 5, 5}, 0.4);
  const double value = unlike(moved, fixed);
  EXPECT_GT(value, 0.1);
  EXPECT_NEAR(unlike(300 * moved - 1000, 0.02 * fixed + 7), value, 1e-8);
  EXPECT_NEAR(unlike(moved, -fixed), value, 1e-8) << "bright and dark may change places";
  EXPECT_NEAR(unlike(-5 * fixed + 3, fixed), 0, 1e-8) << "the same picture";
  const auto plain = [](const at::Tensor& picture) { return picture.to(at::kFloat); };
  EXPECT_NEAR(unlike(plain(moved * 50 + 1000), plain(fixed)), value, 2e-3) << "as CT has them";
}

TEST(LocalUnlikeness, AWindowOfOneValueTellsNothingAndAMovedOneMatchesNothing) {
  at::Tensor half = wave({1, 1, 8, 8, 8});
  half.slice(2, 0, 5).fill_(2.5);
  const at::Tensor other = wave({1, 1, 8, 8, 8}, 0.3);
  const losses::Unlikeness of_half = losses::local_unlikeness(half, half, everywhere(half), 3);
  EXPECT_EQ(of_half.windows.item<std::int64_t>(), 4 * 64) << "those that reach what varies";
  EXPECT_NEAR(of_half.mean.item<double>(), 0, 1e-8);
  EXPECT_NEAR(unlike(at::full_like(other, 7), other), 1, 1e-8);
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    for (const double value : {0.0, 1000.3}) {
      const at::Tensor flat = at::full({1, 1, 4, 4, 4}, value, type);
      at::Tensor moved = wave({1, 1, 4, 4, 4}).to(type).requires_grad_();
      const losses::Unlikeness none = losses::local_unlikeness(moved, flat, everywhere(flat), 3);
      none.mean.backward();
      EXPECT_EQ(none.windows.item<std::int64_t>(), 0);
      EXPECT_EQ(none.mean.item<double>(), 0);
      EXPECT_EQ(moved.grad().abs().max().item<double>(), 0);
    }
  }
}

// A slab of few slices has windows that are larger than it.
TEST(LocalUnlikeness, AWindowLargerThanThePictureIsAllOfIt) {
  const at::Tensor moved = wave({1, 1, 2, 3, 4}), fixed = wave({1, 1, 2, 3, 4}, 0.4);
  const at::Tensor a = moved - moved.mean(), b = fixed - fixed.mean();
  const double r = ((a * b).sum() / (a.norm() * b.norm())).item<double>();
  EXPECT_NEAR(unlike(moved, fixed, 9), 1 - r * r, 1e-9);
}

TEST(LocalUnlikeness, WhatIsNotCountedHasNoPartEvenWhereItIsNotFinite) {
  const at::Tensor moved = wave({1, 1, 5, 5, 5}), fixed = wave({1, 1, 5, 5, 5}, 0.4);
  at::Tensor counted = everywhere(fixed);
  counted.slice(3, 3, 5).zero_();
  const double value = losses::local_unlikeness(moved, fixed, counted, 3).mean.item<double>();
  at::Tensor elsewhere = moved.masked_fill(counted == 0, NAN).requires_grad_();
  const at::Tensor loss =
      losses::local_unlikeness(elsewhere, fixed.masked_fill(counted == 0, INFINITY), counted, 3).mean;
  EXPECT_DOUBLE_EQ(loss.item<double>(), value);
  loss.backward();
  EXPECT_TRUE(elsewhere.grad().isfinite().all().item<bool>());
  EXPECT_EQ(losses::local_unlikeness(moved, fixed, at::zeros_like(counted), 3).mean.item<double>(), 0);
}

TEST(LocalUnlikeness, GradientIsTheDifferenceOfTheLoss) {
  const at::Tensor other = wave({1, 2, 3, 4, 3}, 0.4), counted = (wave({1, 1, 3, 4, 3}, 3) > -0.5).to(at::kByte);
  expect_gradient_is_difference(
      [&](const at::Tensor& x) { return losses::local_unlikeness(x, other, counted, 3).mean; }, wave({1, 2, 3, 4, 3}));
  expect_gradient_is_difference(
      [&](const at::Tensor& x) { return losses::local_unlikeness(other, x, counted, 3).mean; }, wave({1, 2, 3, 4, 3}));
}

TEST(LocalUnlikeness, ComputesInFloatWhateverComesIn) {
  const at::Tensor moved = wave({1, 1, 5, 5, 5}).to(at::kBFloat16), fixed = wave({1, 1, 5, 5, 5}, 0.4).to(at::kFloat);
  const at::Tensor loss = losses::local_unlikeness(moved, fixed, everywhere(fixed), 3).mean;
  EXPECT_EQ(loss.scalar_type(), at::kFloat);
  EXPECT_EQ(loss.item<float>(), unlike(moved.to(at::kFloat), fixed));
}

TEST(Roughness, HandValueAndZeroForWhatMovesAllAlike) {
  at::Tensor moved = at::zeros({1, 3, 2, 2, 2}, at::kDouble);
  moved.select(1, 0).select(3, 1).fill_(3);  // along d by 3 voxels where w is 1
  EXPECT_NEAR(losses::roughness(moved, kCube).item<double>(), 9.0 / 9, 1e-12);
  // 3 voxels of 2 mm within a distance of half a mm: 12.
  EXPECT_NEAR(losses::roughness(moved, {2, 1, 0.5}).item<double>(), 144.0 / 9, 1e-12);
  EXPECT_EQ(losses::roughness(at::full({2, 3, 3, 3, 3}, 5.5), kCube).item<double>(), 0);
  EXPECT_EQ(losses::roughness(at::randn({2, 3, 1, 1, 1}), kCube).item<double>(), 0);
}

// Twice as large is a slope of 1 in each component along its own axis, wherever and however finely it is looked at.
TEST(Roughness, OfAStretchIsItsSlopeOnAnyGrid) {
  for (const auto& [depth, height, width] : {std::array{4, 4, 4}, std::array{3, 7, 5}}) {
    const at::Tensor d = at::arange(depth, at::kDouble).view({-1, 1, 1}).expand({depth, height, width});
    const at::Tensor h = at::arange(height, at::kDouble).view({1, -1, 1}).expand({depth, height, width});
    const at::Tensor w = at::arange(width, at::kDouble).view({1, 1, -1}).expand({depth, height, width});
    EXPECT_NEAR(losses::roughness(at::stack({d, h, w}).unsqueeze(0), {1, 2, 3}).item<double>(), 3.0 / 9, 1e-12);
  }
}

TEST(Roughness, GradientIsTheDifferenceOfTheLoss) {
  expect_gradient_is_difference(
      [](const at::Tensor& x) {
        return losses::roughness(x, {1, 2, 3});
      },
      wave({2, 3, 2, 3, 2}));
}

}  // namespace
