#include "evaluate/label_curve.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "golden.h"

using evaluate::CurvePoint;

namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

// Patients differ in difficulty, the same at all budgets; draws differ a little.
evaluate::ScoreOf curve(const std::vector<double>& means, double spread = 0.02) {
  return [=](std::size_t budget, std::size_t draw, std::span<const std::size_t> patients) {
    double sum = 0;
    for (const std::size_t patient : patients)
      sum += means[budget] + spread * std::sin(2.4 * static_cast<double>(patient)) +
             0.004 * std::cos(1.7 * static_cast<double>(draw * 20 + patient));
    return sum / static_cast<double>(patients.size());
  };
}

}  // namespace

TEST(NeverFalling, PoolsWhatFallsAndLeavesWhatRises) {
  EXPECT_EQ(evaluate::never_falling(std::vector<double>{1, 2, 3}), (std::vector<double>{1, 2, 3}));
  EXPECT_EQ(evaluate::never_falling(std::vector<double>{1, 4, 2, 5}), (std::vector<double>{1, 3, 3, 5}));
  EXPECT_EQ(evaluate::never_falling(std::vector<double>{6, 3, 0}), (std::vector<double>{3, 3, 3}));
  EXPECT_TRUE(evaluate::never_falling({}).empty());
}

TEST(NeverFalling, IsThatOfScikitLearn) {
  Lcg draw(11);
  std::vector<double> values = draw.many(24);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] += 0.05 * static_cast<double>(i);
  const std::vector<double> theirs = golden("isotonic"), ours = evaluate::never_falling(values);
  ASSERT_EQ(theirs.size(), ours.size());
  for (std::size_t i = 0; i < ours.size(); ++i) EXPECT_NEAR(ours[i], theirs[i], 1e-12) << i;
}

TEST(LabelsToReach, IsLinearInTheLogarithmOfTheNumberOfCases) {
  const std::vector<double> budgets{4, 16, 64}, scores{0.6, 0.8, 0.9};
  EXPECT_DOUBLE_EQ(evaluate::labels_to_reach(0.8, budgets, scores), 16);
  EXPECT_NEAR(evaluate::labels_to_reach(0.7, budgets, scores), 8, 1e-12);
  EXPECT_NEAR(evaluate::labels_to_reach(0.85, budgets, scores), 32, 1e-12);
  EXPECT_EQ(evaluate::labels_to_reach(0.5, budgets, scores), 4);
  EXPECT_EQ(evaluate::labels_to_reach(0.91, budgets, scores), kInfinite);
  EXPECT_EQ(evaluate::labels_to_reach(0.8, budgets, std::vector<double>{0.8, 0.8, 0.8}), 4) << "the smallest number";
}

TEST(CompareCurves, AnArmThatIsOneStepAheadSparesHalfOfTheLabels) {
  const evaluate::CurveDesign design{{4, 8, 16, 32}, {3, 3, 3, 3}, 20};
  const auto points =
      evaluate::compare_curves(design, curve({0.60, 0.70, 0.80, 0.90}), curve({0.70, 0.80, 0.90, 0.95}));
  ASSERT_EQ(points.size(), 4u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(points[i].difference.value, 0.1, 1e-12) << i;
    EXPECT_GT(points[i].difference.low, 0.09) << i;
    EXPECT_LT(points[i].probability, 0.002) << i;
    EXPECT_NEAR(points[i].saved.factor.value, 2, 1e-9) << i;
    EXPECT_GT(points[i].saved.factor.low, 1.8) << i;
    EXPECT_LT(points[i].saved.factor.low, 2 + 1e-9) << i;
  }
  EXPECT_EQ(points[3].saved.factor.value, kInfinite) << "the first arm never got there";
  EXPECT_EQ(points[3].saved.highest_told, 1);
  EXPECT_EQ(points[3].saved.share_beyond, 1);
  EXPECT_EQ(points[0].saved.highest_told, 8);
  EXPECT_EQ(points[0].saved.share_beyond, 0);
}

TEST(CompareCurves, AnArmBesideItselfIsOneWhateverIsDrawn) {
  const auto same = curve({0.6, 0.7, 0.8});
  for (const CurvePoint& each : evaluate::compare_curves({{4, 8, 16}, {3, 2, 1}, 20}, same, same)) {
    EXPECT_EQ(each.difference.low, 0) << "patients and draws are the same for both";
    EXPECT_EQ(each.difference.high, 0);
    EXPECT_EQ(each.probability, 1);
    EXPECT_NEAR(each.saved.factor.low, 1, 1e-9);
    EXPECT_NEAR(each.saved.factor.high, 1, 1e-9);
    EXPECT_LT(each.score.low, each.score.value);
    EXPECT_GT(each.score.high, each.score.value);
  }
}

TEST(CompareCurves, ANoisyDifferenceOfNothingIsNoFinding) {
  const auto noisy = [](std::size_t, std::size_t draw, std::span<const std::size_t> patients) {
    double sum = 0;
    for (const std::size_t patient : patients) sum += std::sin(12.9898 * static_cast<double>(patient + 31 * draw));
    return sum / static_cast<double>(patients.size());
  };
  const auto flat = curve({0, 0}, 0);
  for (const CurvePoint& each : evaluate::compare_curves({{4, 8}, {5, 5}, 40}, flat, noisy)) {
    EXPECT_LT(each.difference.low, 0);
    EXPECT_GT(each.difference.high, 0);
    EXPECT_GT(each.probability, 0.05);
  }
}

TEST(CompareCurves, DoesNotDependOnThreadsAndOnePatientHasNoInterval) {
  const auto first = curve({0.6, 0.8}), arm = curve({0.65, 0.8});
  const auto one = evaluate::compare_curves({{4, 8}, {3, 3}, 20}, first, arm, {.resamples = 300});
  const auto two = evaluate::compare_curves({{4, 8}, {3, 3}, 20}, first, arm, {.resamples = 300, .threads = 2});
  EXPECT_EQ(one[0].saved.factor.low, two[0].saved.factor.low);
  EXPECT_EQ(one[0].score.high, two[0].score.high);
  EXPECT_EQ(one[1].probability, two[1].probability);
  const auto alone = evaluate::compare_curves({{4, 8}, {3, 3}, 1}, first, arm);
  EXPECT_TRUE(std::isnan(alone[0].difference.low));
  EXPECT_NEAR(alone[0].difference.value, 0.05, 1e-12);
}

TEST(CompareCurves, WhereNothingCanBeSaidTheRestStands) {
  // A class is missing in some resamples.
  const auto partly = [](std::size_t, std::size_t, std::span<const std::size_t> patients) {
    const auto firsts = std::ranges::count_if(patients, [](std::size_t patient) { return patient == 0; });
    return firsts == 0 ? std::numeric_limits<double>::quiet_NaN() : 0.5 + 0.01 * static_cast<double>(firsts);
  };
  const auto points = evaluate::compare_curves({{4}, {2}, 6}, curve({0.4}, 0), partly);
  EXPECT_NEAR(points[0].score.value, 0.51, 1e-12);
  EXPECT_GT(points[0].difference.low, 0.09);
}

TEST(Holm, MultipliesTheSmallestByHowManyQuestionsThereAreAndNeverFalls) {
  // 0.01 * 4, 0.02 * 3, 0.03 * 2 -> not below the one before, 0.5 * 1.
  const std::vector<double> corrected = evaluate::holm(std::vector<double>{0.03, 0.01, 0.5, 0.02});
  const std::vector<double> expected{0.06, 0.04, 0.5, 0.06};
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(corrected[i], expected[i], 1e-15) << i;
  EXPECT_EQ(evaluate::holm(std::vector<double>{0.6, 0.7}), (std::vector<double>{1, 1}));
  EXPECT_TRUE(evaluate::holm({}).empty());
}

TEST(MeanRanks, TheHighestIsFirstAndEqualsShare) {
  EXPECT_EQ(evaluate::mean_ranks(std::vector<double>{0.9, 0.8, 0.7, 0.5, 0.6, 0.6}, 3),
            (std::vector<double>{2, 1.75, 2.25}));
}
