#include "evaluate/ranking.h"

#include <gtest/gtest.h>

#include <cmath>

#include "golden.h"

namespace {

double counted_pairs(const std::vector<double>& scores, const std::vector<int>& positive) {
  double won = 0, pairs = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    for (std::size_t j = 0; j < scores.size(); ++j) {
      if (positive[i] == 0 || positive[j] != 0) continue;
      won += scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0;
      pairs += 1;
    }
  }
  return won / pairs;
}

}  // namespace

TEST(Auc, HandValuesWithTies) {
  EXPECT_DOUBLE_EQ(evaluate::auc(std::vector{0.1, 0.4, 0.35, 0.8}, std::vector{0, 0, 1, 1}), 0.75);
  EXPECT_DOUBLE_EQ(evaluate::auc(std::vector{1.0, 1.0, 1.0}, std::vector{0, 1, 1}), 0.5);
  EXPECT_DOUBLE_EQ(evaluate::auc(std::vector{3.0, 1.0, 2.0}, std::vector{1, 0, 0}), 1);
  EXPECT_TRUE(std::isnan(evaluate::auc(std::vector{1.0, 2.0}, std::vector{1, 1})));
  EXPECT_TRUE(std::isnan(evaluate::auc(std::vector<double>{}, std::vector<int>{})));
}

TEST(Auc, IsTheShareOfPairsInOrderAndTurnsRoundWithTheScores) {
  Lcg u(7);
  for (int round = 0; round < 20; ++round) {
    std::vector<double> scores(40), turned(40), stretched(40);
    std::vector<int> positive(40);
    for (std::size_t i = 0; i < 40; ++i) {
      scores[i] = std::floor(u() * 10);
      turned[i] = -scores[i];
      stretched[i] = std::exp(scores[i]);
      positive[i] = u() < 0.3 ? 1 : 0;
    }
    positive[0] = 1, positive[1] = 0;
    const double value = evaluate::auc(scores, positive);
    EXPECT_NEAR(value, counted_pairs(scores, positive), 1e-12);
    EXPECT_NEAR(evaluate::auc(turned, positive), 1 - value, 1e-12);
    EXPECT_DOUBLE_EQ(evaluate::auc(stretched, positive), value);
  }
}

TEST(Ranking, IsThatOfScikitLearn) {
  Lcg u(11);
  std::vector<int> truth;
  for (const double x : u.many(60)) truth.push_back(static_cast<int>(x * 3));
  std::vector<double> scores = u.many(180), probabilities(180), one(60);
  std::vector<int> positive(60);
  for (std::size_t i = 0; i < 60; ++i) {
    double sum = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      double& score = scores[i * 3 + k];
      score = std::floor(score * 8) + (truth[i] == static_cast<int>(k) ? 2 : 0);
      sum += score + 1;
    }
    for (std::size_t k = 0; k < 3; ++k) probabilities[i * 3 + k] = (scores[i * 3 + k] + 1) / sum;
    one[i] = scores[i * 3 + 1];
    positive[i] = truth[i] == 1 ? 1 : 0;
  }
  EXPECT_NEAR(evaluate::auc(one, positive), golden("auc.binary")[0], 1e-12);
  EXPECT_NEAR(evaluate::auc_one_vs_rest(probabilities, truth, 3), golden("auc.ovr")[0], 1e-12);
  const auto predicted = evaluate::most_probable(probabilities, 3);
  EXPECT_NEAR(evaluate::balanced_accuracy(predicted, truth), golden("balanced")[0], 1e-12);
}

TEST(Accuracy, HandValues) {
  const std::vector<int> truth{0, 0, 0, 0, 1, 1}, predicted{0, 0, 0, 1, 1, 0};
  EXPECT_DOUBLE_EQ(evaluate::accuracy(predicted, truth), 4.0 / 6);
  EXPECT_DOUBLE_EQ(evaluate::balanced_accuracy(predicted, truth), (0.75 + 0.5) / 2);
  EXPECT_TRUE(std::isnan(evaluate::accuracy({}, {})) && std::isnan(evaluate::balanced_accuracy({}, {})));
  EXPECT_EQ(evaluate::most_probable(std::vector{0.2, 0.4, 0.4, 0.5, 0.1, 0.4}, 3), (std::vector<int>{1, 0}));
}

TEST(Auc, OfTwoClassesIsTheSameFromEitherSideAndAClassThatNobodyHasIsLeftOut) {
  const std::vector<double> two{0.9, 0.1, 0.6, 0.4, 0.3, 0.7, 0.5, 0.5};
  const std::vector<int> truth{0, 1, 1, 0};
  const std::vector<double> of_one{0.1, 0.4, 0.7, 0.5};
  EXPECT_DOUBLE_EQ(evaluate::auc_one_vs_rest(two, truth, 2), evaluate::auc(of_one, truth));
  std::vector<double> three;
  for (std::size_t i = 0; i < 4; ++i) three.insert(three.end(), {two[2 * i], two[2 * i + 1], 0.0});
  EXPECT_DOUBLE_EQ(evaluate::auc_one_vs_rest(three, truth, 3), evaluate::auc(of_one, truth));
}
