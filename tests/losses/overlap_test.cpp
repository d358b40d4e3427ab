#include "losses/overlap.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/error.h"
#include "finite_difference.h"

namespace {

at::Tensor some_labels(at::IntArrayRef shape, std::int64_t classes) {
  return ((wave(shape, 0.5) + 1) * 0.4999 * static_cast<double>(classes)).floor().to(at::kLong);
}

// Dice and cross-entropy of the definition, voxel by voxel.
struct Loops {
  double dice_loss = 0, cross_entropy = 0;
  Loops(const at::Tensor& logits, const at::Tensor& labels) {
    const std::int64_t samples = logits.size(0), classes = logits.size(1);
    const at::Tensor flat = logits.flatten(2), flat_labels = labels.flatten(1);
    double logs = 0, counted = 0;
    for (std::int64_t n = 0; n < samples; ++n) {
      std::vector<double> both(static_cast<std::size_t>(classes)), sums(both);
      for (std::int64_t v = 0; v < flat.size(2); ++v) {
        const std::int64_t label = flat_labels[n][v].item<std::int64_t>();
        if (label < 0) continue;
        double total = 0;
        for (std::int64_t k = 0; k < classes; ++k) total += std::exp(flat[n][k][v].item<double>());
        for (std::int64_t k = 0; k < classes; ++k) {
          const double chance = std::exp(flat[n][k][v].item<double>()) / total;
          sums[static_cast<std::size_t>(k)] += chance + (k == label ? 1 : 0);
          if (k == label) both[static_cast<std::size_t>(k)] += chance, logs -= std::log(chance);
        }
        ++counted;
      }
      for (std::size_t k = 1; k < both.size(); ++k) {
        dice_loss += (1 - (2 * both[k] + 1e-5) / (sums[k] + 1e-5)) / static_cast<double>(samples * (classes - 1));
      }
    }
    cross_entropy = logs / counted;
  }
};

TEST(Overlap, HandValuesOfTwoVoxels) {
  // p(class 1) = 1/2 everywhere, one of two voxels is class 1: Dice = 2 * 0.5 / (1 + 1) = 1/2.
  const at::Tensor logits = at::zeros({1, 2, 1, 1, 2}, at::kDouble);
  const at::Tensor labels = at::tensor({0, 1}, at::kLong).view({1, 1, 1, 2});
  EXPECT_NEAR(losses::soft_dice(logits, labels).item<double>(), 0.5, 1e-5);
  EXPECT_NEAR(losses::cross_entropy(logits, labels).item<double>(), std::log(2.0), 1e-12);
  EXPECT_NEAR(losses::dice_cross_entropy(logits, labels).item<double>(), 0.5 + std::log(2.0), 1e-5);
}

TEST(Overlap, IsTheDefinitionInPlainLoops) {
  const at::Tensor logits = wave({2, 3, 2, 3, 4}) * 2;
  at::Tensor labels = some_labels({2, 2, 3, 4}, 3);
  for (const bool with_holes : {false, true}) {
    if (with_holes) labels.flatten(1).narrow(1, 5, 9).fill_(-1);
    const Loops loops(logits, labels);
    EXPECT_NEAR(losses::soft_dice(logits, labels).item<double>(), loops.dice_loss, 1e-12);
    EXPECT_NEAR(losses::cross_entropy(logits, labels).item<double>(), loops.cross_entropy, 1e-12);
    EXPECT_NEAR(losses::dice_cross_entropy(logits, labels).item<double>(), loops.dice_loss + loops.cross_entropy,
                1e-12);
  }
}

TEST(Overlap, CrossEntropyIsTorchs) {
  const at::Tensor logits = wave({2, 4, 3, 3, 3}).to(at::kFloat) * 3;
  at::Tensor labels = some_labels({2, 3, 3, 3}, 4);
  labels.flatten().narrow(0, 0, 7).fill_(-1);
  const at::Tensor torchs = at::cross_entropy_loss(logits, labels, {}, at::Reduction::Mean, /*ignore_index=*/-1);
  EXPECT_NEAR(losses::cross_entropy(logits, labels).item<double>(), torchs.item<double>(), 1e-6);
}

TEST(Overlap, GradientIsTheDifferenceOfTheLoss) {
  at::Tensor labels = some_labels({2, 1, 2, 3}, 3);
  labels[1][0][1][2] = -1;
  expect_gradient_is_difference([&](const at::Tensor& logits) { return losses::dice_cross_entropy(logits, labels); },
                                wave({2, 3, 1, 2, 3}));
}

TEST(Overlap, WhatIsNotCountedHasNoPartInValueOrGradient) {
  const at::Tensor logits = wave({1, 3, 2, 2, 4});
  at::Tensor labels = some_labels({1, 2, 2, 4}, 3);
  labels.narrow(3, 2, 2).fill_(-1);
  const double value = losses::dice_cross_entropy(logits, labels).item<double>();
  at::Tensor other = logits.clone();
  other.narrow(4, 2, 2).mul_(50).add_(3);
  other.requires_grad_();
  const at::Tensor loss = losses::dice_cross_entropy(other, labels);
  EXPECT_NEAR(loss.item<double>(), value, 1e-12);
  EXPECT_NEAR(losses::dice_cross_entropy(logits.narrow(4, 0, 2), labels.narrow(3, 0, 2)).item<double>(), value, 1e-12);
  loss.backward();
  EXPECT_EQ(other.grad().narrow(4, 2, 2).abs().max().item<double>(), 0);
  EXPECT_GT(other.grad().narrow(4, 0, 2).abs().min().item<double>(), 0);
}

TEST(Overlap, WhereNothingIsCountedItIsZeroWithGradientZero) {
  at::Tensor logits = wave({2, 3, 2, 2, 2}).requires_grad_();
  const at::Tensor loss = losses::dice_cross_entropy(logits, at::full({2, 2, 2, 2}, -1, at::kLong));
  loss.backward();
  EXPECT_EQ(loss.item<double>(), 0);
  EXPECT_EQ(logits.grad().abs().max().item<double>(), 0);
}

TEST(Overlap, WhereNoClassIsPresentTheLossFallsWithWhatIsPredicted) {
  const at::Tensor labels = at::zeros({1, 2, 2, 2}, at::kLong);
  const auto loss_of = [&](double background) {
    at::Tensor logits = at::zeros({1, 3, 2, 2, 2}).requires_grad_();
    at::Tensor shifted = logits + at::tensor({background, 0.0, 0.0}).view({1, 3, 1, 1, 1});
    const at::Tensor loss = losses::dice_cross_entropy(shifted, labels);
    loss.backward();
    EXPECT_TRUE(logits.grad().isfinite().all().item<bool>());
    return loss.item<double>();
  };
  EXPECT_GT(loss_of(0), loss_of(5));
  EXPECT_GT(loss_of(5), loss_of(20));
  EXPECT_NEAR(loss_of(100), 0, 1e-6) << "nothing there and nothing predicted";
}

TEST(Overlap, OfARightAnswerIsNearZeroAndOfAWrongOneNotOver) {
  const at::Tensor labels = some_labels({2, 4, 4, 4}, 3);
  const at::Tensor right = at::one_hot(labels, 3).permute({0, 4, 1, 2, 3}).to(at::kFloat) * 40;
  EXPECT_NEAR(losses::dice_cross_entropy(right, labels).item<double>(), 0, 1e-5);
  EXPECT_NEAR(losses::soft_dice(right.roll(1, 1), labels).item<double>(), 1, 1e-4);
}

TEST(Overlap, ComputesInFloatWhateverComesInAndUnderAutocast) {
  const at::Tensor logits = wave({1, 3, 4, 4, 4}).to(at::kBFloat16) * 4;
  const at::Tensor labels = some_labels({1, 4, 4, 4}, 3);
  const double exact = losses::dice_cross_entropy(logits.to(at::kFloat), labels).item<double>();
  at::autocast::set_autocast_enabled(at::kCPU, true);
  const double under_autocast = losses::dice_cross_entropy(logits, labels).item<double>();
  at::autocast::set_autocast_enabled(at::kCPU, false);
  EXPECT_EQ(under_autocast, exact);
}

TEST(Overlap, ALabelTheNetworkHasNoClassForIsAnError) {
  const at::Tensor labels = at::full({1, 1, 1, 2}, 3, at::kLong);
  EXPECT_THROW(losses::cross_entropy(at::zeros({1, 3, 1, 1, 2}), labels), core::Error);
}

TEST(DeepSupervision, WeightsMapsByHalvesAndTakesTheNearestLabels) {
  const at::Tensor labels = some_labels({2, 5, 8, 6}, 3);
  const at::Tensor fine = wave({2, 3, 5, 8, 6}), coarse = wave({2, 3, 3, 4, 3}, 1);
  const double expected =
      (losses::dice_cross_entropy(fine, labels).item<double>() +
       losses::dice_cross_entropy(coarse, losses::labels_at(labels, {3, 4, 3})).item<double>() / 2) /
      1.5;
  EXPECT_NEAR(losses::deep_supervision({fine, coarse}, labels).sum().item<double>(), expected, 1e-12);
  EXPECT_NEAR(losses::deep_supervision({fine}, labels).sum().item<double>(),
              losses::dice_cross_entropy(fine, labels).item<double>(), 1e-12);
}

// Two samples of which one has few counted voxels: the terms of both, weighted by their counts, are those of the whole.
TEST(DeepSupervision, TermsWeightedByTheirCountsAreThoseOfTheWholeBatch) {
  at::Tensor labels = some_labels({3, 5, 8, 6}, 3);
  labels[1].narrow(0, 1, 4).fill_(-1);
  const std::vector<at::Tensor> maps{wave({3, 3, 5, 8, 6}), wave({3, 3, 3, 4, 3}, 1)};
  const std::vector<std::array<std::int64_t, 3>> extents{{5, 8, 6}, {3, 4, 3}};
  at::Tensor sum, counts;
  for (const auto& [begin, size] : {std::pair{0, 1}, std::pair{1, 2}}) {
    const at::Tensor own = labels.narrow(0, begin, size);
    const at::Tensor count = losses::deep_supervision_counts(own, extents);
    const at::Tensor terms =
        losses::deep_supervision({maps[0].narrow(0, begin, size), maps[1].narrow(0, begin, size)}, own) * count;
    sum = sum.defined() ? sum + terms : terms;
    counts = counts.defined() ? counts + count : count;
  }
  EXPECT_EQ(counts[0].item<std::int64_t>(), 3);
  EXPECT_EQ(counts[1].item<std::int64_t>(), 2 * 5 * 8 * 6 + 8 * 6);
  EXPECT_LT((sum / counts - losses::deep_supervision(maps, labels)).abs().max().item<double>(), 1e-12);
}

TEST(DeepSupervision, LabelsAtAreThoseOfTheFlooredIndex) {
  const at::Tensor labels = some_labels({1, 5, 6, 7}, 9);
  const at::Tensor coarse = losses::labels_at(labels, {3, 3, 7});
  for (std::int64_t z = 0; z < 3; ++z) {
    for (std::int64_t y = 0; y < 3; ++y) {
      for (std::int64_t x = 0; x < 7; ++x) {
        EXPECT_EQ(coarse[0][z][y][x].item<std::int64_t>(), labels[0][z * 5 / 3][y * 2][x].item<std::int64_t>());
      }
    }
  }
}

}  // namespace
