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
