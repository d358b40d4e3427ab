#include "losses/masked.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "finite_difference.h"

namespace {

constexpr std::array<std::int64_t, 3> kNoBlock{0, 0, 0};

at::Tensor some_hidden(at::IntArrayRef shape) { return (wave(shape, 2) > 0.1).to(at::kByte); }

TEST(MaskedMeanSquare, HandValue) {
  const at::Tensor image = at::tensor({1.0, 2.0, 3.0, 4.0}).view({1, 1, 1, 1, 4});
  const at::Tensor prediction = at::tensor({0.0, 2.0, 5.0, 9.0}).view({1, 1, 1, 1, 4});
  const at::Tensor hidden = at::tensor({1, 0, 1, 0}).view({1, 1, 1, 1, 4});
  EXPECT_DOUBLE_EQ(losses::masked_mean_square(prediction, image, hidden, kNoBlock, false).item<double>(), 2.5);
}

// The definition, block by block; blocks at the far end are cut.
double in_loops(const at::Tensor& prediction, const at::Tensor& image, const at::Tensor& hidden,
                const std::array<std::int64_t, 3>& block) {
  double sum = 0, count = 0;
  for (std::int64_t n = 0; n < image.size(0); ++n) {
    for (std::int64_t c = 0; c < image.size(1); ++c) {
      for (std::int64_t z = 0; z < image.size(2); z += block[0]) {
        for (std::int64_t y = 0; y < image.size(3); y += block[1]) {
          for (std::int64_t x = 0; x < image.size(4); x += block[2]) {
            const auto cut = [&](const at::Tensor& whole, std::int64_t channel) {
              return whole[n][channel].slice(0, z, z + block[0]).slice(1, y, y + block[1]).slice(2, x, x + block[2]);
            };
            const at::Tensor voxels = cut(image, c);
            const double mean = voxels.mean().item<double>();
            const double variance = (voxels - mean).square().mean().item<double>();
            const at::Tensor wanted = (voxels - mean) / std::sqrt(variance + 1e-6);
            const at::Tensor chosen = cut(hidden, 0).to(at::kDouble);
            sum += ((cut(prediction, c) - wanted).square() * chosen).sum().item<double>();
            count += chosen.sum().item<double>();
          }
        }
      }
    }
  }
  return sum / count;
}

TEST(MaskedMeanSquare, NormalisedInBlocksIsTheDefinitionInLoops) {
  const at::Tensor image = wave({2, 2, 4, 6, 5}) * 3 + 7, prediction = wave({2, 2, 4, 6, 5}, 0.3);
  const at::Tensor hidden = some_hidden({2, 1, 4, 6, 5});
  for (const std::array<std::int64_t, 3>& block :
       {std::array<std::int64_t, 3>{2, 3, 5}, std::array<std::int64_t, 3>{3, 4, 2}}) {
    EXPECT_NEAR(losses::masked_mean_square(prediction, image, hidden, block, true).item<double>(),
                in_loops(prediction, image, hidden, block), 1e-10);
  }
}

TEST(MaskedMeanSquare, WhatWasNormalisedInBlocksComesBackToItsOwnValues) {
  const at::Tensor image = wave({2, 2, 4, 6, 5}) * 3 + 7;
  const std::array<std::int64_t, 3> block{3, 4, 2};
  const at::Tensor there = losses::normalised_in_blocks(image, block);
  EXPECT_LT((losses::as_before_normalising(there, image, block) - image).abs().max().item<double>(), 1e-9);
  // By hand: a block of 1 and 3 has mean 2 and deviation 1, so a prediction of 5 is the value 7.
  const at::Tensor two = at::tensor({1.0, 3.0}).view({1, 1, 1, 1, 2});
  const at::Tensor five = losses::as_before_normalising(at::full_like(two, 5), two, {1, 1, 2});
  EXPECT_NEAR(five.flatten()[1].item<double>(), 7, 1e-5);
}

TEST(MaskedMeanSquare, GradientIsTheDifferenceOfTheLoss) {
  const at::Tensor image = wave({1, 2, 2, 2, 4}) * 2, hidden = some_hidden({1, 1, 2, 2, 4});
  for (const bool normalise : {false, true}) {
    expect_gradient_is_difference(
        [&](const at::Tensor& prediction) {
          return losses::masked_mean_square(prediction, image, hidden, {2, 2, 2}, normalise);
        },
        wave({1, 2, 2, 2, 4}, 1));
  }
}

TEST(MaskedMeanSquare, WhatIsSeenHasNoPartEvenWhereItIsNotFinite) {
  const at::Tensor image = wave({1, 1, 2, 2, 2}), hidden = some_hidden({1, 1, 2, 2, 2});
  at::Tensor prediction = wave({1, 1, 2, 2, 2}, 1);
  const double value = losses::masked_mean_square(prediction, image, hidden, kNoBlock, false).item<double>();
  prediction.masked_fill_(hidden == 0, NAN).requires_grad_();
  const at::Tensor loss = losses::masked_mean_square(prediction, image, hidden, kNoBlock, false);
  loss.backward();
  EXPECT_DOUBLE_EQ(loss.item<double>(), value);
  EXPECT_EQ(prediction.grad().masked_select(hidden == 0).nan_to_num().abs().max().item<double>(), 0);
}

TEST(MaskedMeanSquare, WhereNothingIsHiddenItIsZeroWithGradientZero) {
  at::Tensor prediction = wave({1, 1, 2, 2, 2}).requires_grad_();
  const at::Tensor loss =
      losses::masked_mean_square(prediction, wave({1, 1, 2, 2, 2}, 1), at::zeros({1, 1, 2, 2, 2}), kNoBlock, false);
  loss.backward();
  EXPECT_EQ(loss.item<double>(), 0);
  EXPECT_EQ(prediction.grad().abs().max().item<double>(), 0);
}

TEST(MaskedMeanSquare, NormalisedTargetsDoNotKnowScaleAndOffsetOfTheImage) {
  const at::Tensor image = wave({1, 1, 4, 4, 4}), hidden = some_hidden({1, 1, 4, 4, 4});
  const at::Tensor prediction = wave({1, 1, 4, 4, 4}, 1);
  const auto loss_of = [&](const at::Tensor& each) {
    return losses::masked_mean_square(prediction, each, hidden, {4, 4, 4}, true).item<double>();
  };
  EXPECT_NEAR(loss_of(image * 100 - 30), loss_of(image), 1e-5);
  EXPECT_TRUE(std::isfinite(loss_of(at::full({1, 1, 4, 4, 4}, 5.0)))) << "a block of one value";
}

TEST(MaskedMeanSquare, ComputesInFloatWhateverComesIn) {
  const at::Tensor image = wave({1, 1, 4, 4, 4}).to(at::kFloat), hidden = some_hidden({1, 1, 4, 4, 4});
  const at::Tensor prediction = wave({1, 1, 4, 4, 4}, 1).to(at::kBFloat16);
  const at::Tensor loss = losses::masked_mean_square(prediction, image, hidden, {2, 2, 2}, true);
  EXPECT_EQ(loss.scalar_type(), at::kFloat);
  EXPECT_EQ(loss.item<float>(),
            losses::masked_mean_square(prediction.to(at::kFloat), image, hidden, {2, 2, 2}, true).item<float>());
}

TEST(MaskedMeanAbsolute, HandValue) {
  const at::Tensor image = at::tensor({1.0, 2.0, 3.0, 4.0}).view({1, 1, 1, 1, 4});
  const at::Tensor prediction = at::tensor({0.0, 2.0, 5.0, 9.0}).view({1, 1, 1, 1, 4});
  const at::Tensor hidden = at::tensor({1, 0, 1, 0}).view({1, 1, 1, 1, 4});
  EXPECT_DOUBLE_EQ(losses::masked_mean_absolute(prediction, image, hidden).item<double>(), 1.5);
}

TEST(MaskedMeanAbsolute, GradientIsTheDifferenceOfTheLoss) {
  const at::Tensor image = wave({2, 2, 2, 2, 3}) * 2, hidden = some_hidden({2, 1, 2, 2, 3});
  expect_gradient_is_difference(
      [&](const at::Tensor& prediction) { return losses::masked_mean_absolute(prediction, image, hidden); },
      wave({2, 2, 2, 2, 3}, 1));
}

TEST(MaskedMeanAbsolute, WhatIsSeenHasNoPartAndNothingHiddenIsZero) {
  const at::Tensor image = wave({1, 1, 2, 2, 2}), hidden = some_hidden({1, 1, 2, 2, 2});
  const at::Tensor prediction = wave({1, 1, 2, 2, 2}, 1);
  const double value = losses::masked_mean_absolute(prediction, image, hidden).item<double>();
  const at::Tensor elsewhere = prediction.masked_fill(hidden == 0, NAN);
  EXPECT_DOUBLE_EQ(losses::masked_mean_absolute(elsewhere, image, hidden).item<double>(), value);
  at::Tensor free = prediction.clone().requires_grad_();
  const at::Tensor none = losses::masked_mean_absolute(free, image, at::zeros_like(hidden));
  none.backward();
  EXPECT_EQ(none.item<double>(), 0);
  EXPECT_EQ(free.grad().abs().max().item<double>(), 0);
}

}  // namespace
