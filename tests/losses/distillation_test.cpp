#include "losses/distillation.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "finite_difference.h"
#include "over_ranks.h"

TEST(CentredAnswer, OfKnownScoresIsKnownAndSharpensWithTheTemperature) {
  const at::Tensor scores = at::tensor({1.0, 0.0}, at::kDouble).view({1, 2});
  const at::Tensor centre = at::zeros({2}, at::kDouble);
  EXPECT_NEAR(losses::centred_answer(scores, centre, 1)[0][0].item<double>(), 1 / (1 + std::exp(-1)), 1e-12);
  EXPECT_NEAR(losses::centred_answer(scores, centre, 0.1)[0][0].item<double>(), 1 / (1 + std::exp(-10)), 1e-12);
  EXPECT_NEAR(losses::centred_answer(scores, scores[0], 0.1)[0][0].item<double>(), 0.5, 1e-12)
      << "what all say is taken away";
}

TEST(SelfDistillation, IsAtBestTheEntropyOfTheAnswerAndOfUniformOnesTheLogarithm) {
  const at::Tensor uniform = at::full({2, 3, 4}, 0.25, at::kDouble);
  EXPECT_NEAR(losses::self_distillation(uniform, at::zeros({5, 3, 4}, at::kDouble), 0.1).item<double>(), std::log(4.0),
              1e-12);
  const at::Tensor scores = wave({2, 3, 4});
  const at::Tensor answer = scores.select(0, 0).unsqueeze(0).expand({2, 3, 4}).softmax(2);
  const at::Tensor alike = scores.select(0, 0).unsqueeze(0).expand({2, 3, 4});
  const double entropy = -(answer[0] * answer[0].log()).sum(1).mean().item<double>();
  EXPECT_NEAR(losses::self_distillation(answer, alike, 1).item<double>(), entropy, 1e-12);
  EXPECT_GT(losses::self_distillation(answer, alike + 0.3 * wave({2, 3, 4}, 1), 1).item<double>(), entropy);
}

TEST(SelfDistillation, ComparesNoViewWithItself) {
  const at::Tensor answers = wave({2, 3, 4}).softmax(2);
  at::Tensor student = wave({2, 3, 4}, 0.8);
  const double loss = losses::self_distillation(answers, student, 0.5).item<double>();
  // View 0 of the student meets view 1 of the teacher alone, and the other way round.
  double sum = 0;
  for (int view = 0; view < 2; ++view)
    sum -= (answers[1 - view] * (student[view] / 0.5).log_softmax(1)).sum(1).mean().item<double>();
  EXPECT_NEAR(loss, sum / 2, 1e-12);
}

TEST(SelfDistillation, GradientIsTheDifferenceAndRanksAreOne) {
  const at::Tensor answers = wave({2, 3, 4}, 0.5).softmax(2);
  expect_gradient_is_difference([&](const at::Tensor& x) { return losses::self_distillation(answers, x, 0.5); },
                                wave({3, 3, 4}));
  expect_ranks_are_one(3, [](const auto& z, runtime::Comm& comm) {
    const at::Tensor student = at::stack(z);
    const at::Tensor centre = losses::mean_of_all(student.flatten(0, 1), comm);
    return losses::self_distillation(losses::centred_answer(student.narrow(0, 0, 2), centre, 0.3), student, 0.5);
  });
}

TEST(TokenDistillation, EveryPictureCountsTheSameHoweverManyTokensAreHidden) {
  const at::Tensor student = at::zeros({4, 2}, at::kDouble);
  at::Tensor answers = at::tensor({1., 0., 1., 0., 1., 0., 1., 0.}, at::kDouble).view({4, 2});
  const at::Tensor picture = at::tensor({0, 0, 0, 1}, at::kLong);
  EXPECT_NEAR(losses::token_distillation(answers, student, picture, 2, 1).item<double>(), std::log(2.0), 1e-12);
  EXPECT_NEAR(losses::token_distillation(answers, student, picture, 4, 1).item<double>(), std::log(2.0) / 2, 1e-12);
  at::Tensor sure = student.clone();
  sure[3][0] = 50;  // the one token of picture 1 is right
  EXPECT_NEAR(losses::token_distillation(answers, sure, picture, 2, 1).item<double>(), std::log(2.0) / 2, 1e-12);
  const at::Tensor none = at::zeros({0, 2}, at::kDouble);
  EXPECT_EQ(losses::token_distillation(none, none, at::zeros({0}, at::kLong), 2, 1).item<double>(), 0);
}

TEST(TokenDistillation, GradientIsTheDifferenceOfTheLoss) {
  const at::Tensor answers = wave({4, 3}, 0.5).softmax(1), picture = at::tensor({0, 2, 2, 1}, at::kLong);
  expect_gradient_is_difference(
      [&](const at::Tensor& x) { return losses::token_distillation(answers, x, picture, 3, 0.5); }, wave({4, 3}));
}

TEST(GramDistance, OfPlacesAtRightAnglesAgainstPlacesAllAlikeIsTheShareOfUnlikePairs) {
  const at::Tensor apart = 3 * at::eye(4, at::kDouble).unsqueeze(0), alike = at::ones({1, 4, 7}, at::kDouble);
  // 12 of the 16 pairs: cosine 0 to the one, 1 to the other.
  EXPECT_NEAR(losses::gram_distance(apart, alike).item<double>(), 12.0 / 16, 1e-12);
  EXPECT_NEAR(losses::gram_distance(at::cat({apart, alike.narrow(2, 0, 4)}), at::cat({apart, apart})).item<double>(),
              6.0 / 16, 1e-12)
      << "the mean over pictures";
}

TEST(GramDistance, KnowsNoDirectionsNorLengthsButHowPlacesAreToEachOther) {
  const at::Tensor places = wave({2, 5, 3});
  const at::Tensor turn = at::tensor({0., 0., 1., 1., 0., 0., 0., -1., 0.}, at::kDouble).view({3, 3});
  EXPECT_NEAR(losses::gram_distance(places, places.matmul(turn) * 4).item<double>(), 0, 1e-12);
  EXPECT_GT(losses::gram_distance(places, places.roll(1, 1)).item<double>(), 1e-3);
  double sum = 0;
  const at::Tensor other = wave({2, 5, 4}, 0.9);
  const auto cosine = [](const at::Tensor& rows, int n, int i, int k) {
    const at::Tensor a = rows[n][i], b = rows[n][k];
    return (a.dot(b) / (a.norm() * b.norm())).item<double>();
  };
  for (int n = 0; n < 2; ++n) {
    for (int i = 0; i < 5; ++i) {
      for (int k = 0; k < 5; ++k) sum += std::pow(cosine(places, n, i, k) - cosine(other, n, i, k), 2);
    }
  }
  EXPECT_NEAR(losses::gram_distance(places, other).item<double>(), sum / 50, 1e-12);
}

TEST(GramDistance, GradientIsTheDifferenceRanksAreOneAndPlacesOfZerosAreFinite) {
  const at::Tensor teacher = wave({2, 4, 5}, 0.9);
  expect_gradient_is_difference([&](const at::Tensor& x) { return losses::gram_distance(x, teacher); },
                                wave({2, 4, 3}));
  expect_ranks_are_one(2, [](const auto& z, runtime::Comm&) {
    const at::Tensor places = at::stack({z[0], z[1], z[0] + z[1]}, 1);
    return losses::gram_distance(places, places.detach().square());
  });
  at::Tensor nothing = at::zeros({1, 3, 4}).requires_grad_();
  const at::Tensor loss = losses::gram_distance(nothing, at::ones({1, 3, 4}));
  loss.backward();
  EXPECT_NEAR(loss.item<double>(), 1, 1e-6);
  EXPECT_TRUE(nothing.grad().isfinite().all().item<bool>());
  const at::Tensor rough = wave({2, 4, 3}).to(at::kBFloat16);
  EXPECT_EQ(losses::gram_distance(rough, teacher.to(at::kFloat)).item<double>(),
            losses::gram_distance(rough.to(at::kFloat), teacher.to(at::kFloat)).item<double>());
}

TEST(Koleo, OfKnownDistancesIsKnownAndLengthDoesNotMatter) {
  const at::Tensor corners = at::eye(3, at::kDouble);
  EXPECT_NEAR(losses::koleo(corners, *kAlone).item<double>(), -std::log(std::sqrt(2.0)), 1e-7);
  EXPECT_NEAR(losses::koleo(corners * 9, *kAlone).item<double>(), -std::log(std::sqrt(2.0)), 1e-7);
  const at::Tensor near = at::tensor({1., 0., 0.8, 0.6, -1., 0.}, at::kDouble).view({3, 2});
  const double close = std::sqrt(2 - 2 * 0.8), far = std::sqrt(2 + 2 * 0.8);
  EXPECT_NEAR(losses::koleo(near, *kAlone).item<double>(), -(2 * std::log(close) + std::log(far)) / 3, 1e-7);
}

TEST(Koleo, GradientIsTheDifferenceRanksAreOneAndTwinsAreFinite) {
  // Rows well apart: the curvature near a distance of 0 would be the difference's error.
  expect_gradient_is_difference([](const at::Tensor& x) { return losses::koleo(x, *kAlone); },
                                at::eye(4, at::kDouble) + 0.3 * wave({4, 4}));
  expect_ranks_are_one(1, [](const auto& z, runtime::Comm& comm) { return losses::koleo(z[0], comm); });
  at::Tensor same = at::ones({3, 4}).requires_grad_();
  const at::Tensor loss = losses::koleo(same, *kAlone);
  loss.backward();
  EXPECT_TRUE(std::isfinite(loss.item<double>()));
  EXPECT_TRUE(same.grad().isfinite().all().item<bool>());
  EXPECT_EQ(losses::koleo(at::ones({1, 4}), *kAlone).item<double>(), 0);
}
