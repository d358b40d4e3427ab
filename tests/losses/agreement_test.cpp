#include "losses/agreement.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "finite_difference.h"
#include "over_ranks.h"

namespace {

double twins(const at::Tensor& first, const at::Tensor& second, double weight) {
  return losses::barlow_twins(first, second, weight, *kAlone).item<double>();
}

}  // namespace

TEST(NegativeCosine, OfKnownAnglesIsKnown) {
  const at::Tensor first = at::tensor({3.0, 0.0, 0.0, 2.0, 1.0, 1.0}, at::kDouble).view({3, 2});
  const at::Tensor second = at::tensor({5.0, 0.0, 0.0, -1.0, 7.0, 0.0}, at::kDouble).view({3, 2});
  EXPECT_NEAR(losses::negative_cosine(first, second).item<double>(), -(1 - 1 + std::sqrt(0.5)) / 3, 1e-12);
  EXPECT_EQ(losses::negative_cosine(at::zeros({2, 3}), at::ones({2, 3})).item<double>(), 0);
}

TEST(NegativeCosine, GradientIsTheDifferenceOfTheLoss) {
  const at::Tensor other = wave({3, 4}, 1.1);
  expect_gradient_is_difference([&](const at::Tensor& x) { return losses::negative_cosine(x, other); }, wave({3, 4}));
}

TEST(ViewsAgreement, PairsEachViewOfASampleWithItsOwnRows) {
  const std::int64_t views = 5, large = 2, samples = 3;
  const at::Tensor predicted = wave({views, samples, 4}), projected = wave({views, samples, 4}, 1.3);
  const auto both_ways = [&](std::int64_t a, std::int64_t b) {
    double sum = 0;
    for (std::int64_t n = 0; n < samples; ++n) {
      const auto cosine = [&](std::int64_t from, std::int64_t to) {
        const at::Tensor p = predicted[from][n], z = projected[to][n];
        return (p.dot(z) / (p.norm() * z.norm())).item<double>();
      };
      sum += (cosine(a, b) + cosine(b, a)) / 2;
    }
    return sum / static_cast<double>(samples);
  };
  double small = 0;
  for (std::int64_t a = 0; a < large; ++a) {
    for (std::int64_t b = large; b < views; ++b) small += both_ways(a, b) / 6;
  }
  const losses::ViewsAgreement found = losses::views_agreement(predicted, projected, large);
  EXPECT_NEAR(found.large.item<double>(), both_ways(0, 1), 1e-12);
  EXPECT_NEAR(found.small.item<double>(), small, 1e-12);
}

// Where each sample looks its own way and all of its views do alike, other rows than its own would be seen at once.
TEST(ViewsAgreement, IsOneWhereViewsAreAlikeHoweverManySmallOnesThereAre) {
  const at::Tensor samples = at::eye(6, at::kDouble).narrow(0, 0, 4);
  for (const std::int64_t small : {1, 2, 3, 6}) {
    const at::Tensor rows = samples.unsqueeze(0).repeat({2 + small, 1, 1});
    const losses::ViewsAgreement found = losses::views_agreement(rows, 3 * rows, 2);
    EXPECT_NEAR(found.large.item<double>(), 1, 1e-12);
    EXPECT_NEAR(found.small.item<double>(), 1, 1e-12);
    // One small view that looks elsewhere takes its part of it, whichever it is.
    for (std::int64_t which = 0; which < small; ++which) {
      at::Tensor other = rows.clone();
      other[2 + which].neg_();
      EXPECT_NEAR(losses::views_agreement(other, other, 2).small.item<double>(), 1 - 2.0 / static_cast<double>(small),
                  1e-12);
    }
  }
}

TEST(ViewsAgreement, GradientGoesToPredictionsAloneAndIsTheDifference) {
  const at::Tensor projected = wave({4, 2, 3}, 1.3);
  expect_gradient_is_difference(
      [&](const at::Tensor& x) {
        const losses::ViewsAgreement found = losses::views_agreement(x, projected, 2);
        return found.large + 0.7 * found.small;
      },
      wave({4, 2, 3}));
  at::Tensor target = projected.clone().requires_grad_();
  at::Tensor from = wave({4, 2, 3}).requires_grad_();
  losses::views_agreement(from, target, 2).small.backward();
  EXPECT_FALSE(target.grad().defined());
}

TEST(ViewsAgreement, WithoutAPairAndOfRowsOfZerosItIsZero) {
  at::Tensor rows = at::zeros({3, 2, 4}).requires_grad_();
  const losses::ViewsAgreement found = losses::views_agreement(rows, rows, 1);
  EXPECT_EQ(found.large.item<double>(), 0);
  EXPECT_EQ(found.small.item<double>(), 0);
  found.small.backward();
  EXPECT_EQ(rows.grad().abs().max().item<double>(), 0);
  EXPECT_EQ(losses::views_agreement(wave({2, 2, 4}), wave({2, 2, 4}), 2).small.item<double>(), 0);
}

TEST(BarlowTwins, OfColumnsThatAreTheSameOrOppositeIsKnown) {
  // Columns (1, 1, -1, -1) and (1, -1, 1, -1) have mean 0, variance 1 and nothing in common.
  const at::Tensor both = at::tensor({1., 1., 1., -1., -1., 1., -1., -1.}, at::kDouble).view({4, 2});
  EXPECT_NEAR(twins(both, both, 1), 0, 1e-8) << "the floor of 1e-5 under the variance";
  EXPECT_NEAR(twins(both, -both, 1), 2 * 4, 1e-3);
  EXPECT_NEAR(twins(both, both.flip(1), 0.25), 2 + 0.25 * 2, 1e-3);
  EXPECT_NEAR(twins(both * 5 + 3, both * 0.7 - 2, 1), 0, 1e-8) << "shift and scale do not matter";
}

TEST(BarlowTwins, GradientIsTheDifferenceAndRanksAreOne) {
  const at::Tensor other = wave({4, 3}, 1.1);
  expect_gradient_is_difference([&](const at::Tensor& x) { return losses::barlow_twins(x, other, 0.1, *kAlone); },
                                wave({4, 3}), 1e-6);
  expect_ranks_are_one(2,
                       [](const auto& z, runtime::Comm& comm) { return losses::barlow_twins(z[0], z[1], 0.1, comm); });
}

TEST(Vicreg, TermsOfColumnsOfKnownSpreadAreKnown) {
  const at::Tensor both = at::tensor({1., 1., 1., -1., -1., 1., -1., -1.}, at::kDouble).view({4, 2});
  const losses::VicregTerms same = losses::vicreg(both, both, *kAlone);
  EXPECT_EQ(same.invariance.item<double>(), 0);
  EXPECT_EQ(same.variance.item<double>(), 0) << "standard deviation sqrt(4 / 3)";
  EXPECT_NEAR(same.covariance.item<double>(), 0, 1e-12);
  const at::Tensor tangled = both.select(1, 0).unsqueeze(1).expand({4, 2}) / 2;
  const losses::VicregTerms narrow = losses::vicreg(tangled, tangled + 3, *kAlone);
  EXPECT_NEAR(narrow.invariance.item<double>(), 9, 1e-12);
  EXPECT_NEAR(narrow.variance.item<double>(), 1 - std::sqrt(1.0 / 3 + 1e-4), 1e-9);
  // cov = 1/3 twice off the diagonal, over 2 columns, of both views.
  EXPECT_NEAR(narrow.covariance.item<double>(), 2 * 2 * (1.0 / 9) / 2, 1e-9);
  EXPECT_NEAR(narrow.sum(1, 10, 100).item<double>(),
              9 + 10 * (1 - std::sqrt(1.0 / 3 + 1e-4)) + 100 * 2 * 2 * (1.0 / 9) / 2, 1e-8);
}

TEST(Vicreg, GradientIsTheDifferenceAndRanksAreOne) {
  const at::Tensor other = wave({4, 3}, 1.1);
  expect_gradient_is_difference([&](const at::Tensor& x) { return losses::vicreg(x, other, *kAlone).sum(25, 25, 1); },
                                wave({4, 3}), 1e-6);
  expect_ranks_are_one(
      2, [](const auto& z, runtime::Comm& comm) { return losses::vicreg(z[0], z[1], comm).sum(25, 25, 1); });
}

TEST(Agreement, OfRowsThatAreAllTheSameIsFiniteWithItsGradient) {
  for (const double value : {0.0, 1.0}) {
    at::Tensor rows = at::full({3, 4}, value).requires_grad_();
    const at::Tensor sum = losses::negative_cosine(rows, rows) + losses::barlow_twins(rows, rows, 0.1, *kAlone) +
                           losses::vicreg(rows, rows, *kAlone).sum(25, 25, 1);
    sum.backward();
    EXPECT_TRUE(std::isfinite(sum.item<double>()));
    EXPECT_TRUE(rows.grad().isfinite().all().item<bool>());
  }
  EXPECT_TRUE(std::isfinite(losses::vicreg(at::ones({1, 3}), at::ones({1, 3}), *kAlone).sum(1, 1, 1).item<double>()));
}

TEST(Agreement, IsComputedInFloatWhateverComesIn) {
  const at::Tensor first = wave({6, 32}).to(at::kBFloat16), second = wave({6, 32}, 0.2).to(at::kBFloat16);
  const at::Tensor a = first.to(at::kFloat), b = second.to(at::kFloat);
  EXPECT_TRUE(at::equal(losses::barlow_twins(first, second, 0.1, *kAlone), losses::barlow_twins(a, b, 0.1, *kAlone)));
  EXPECT_TRUE(
      at::equal(losses::vicreg(first, second, *kAlone).sum(1, 1, 1), losses::vicreg(a, b, *kAlone).sum(1, 1, 1)));
  EXPECT_TRUE(at::equal(losses::negative_cosine(first, second), losses::negative_cosine(a, b)));
}
