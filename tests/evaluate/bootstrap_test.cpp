#include "evaluate/bootstrap.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "core/rng.h"

using evaluate::BootstrapOptions;
using evaluate::Interval;

namespace {

std::vector<std::string> numbered(std::size_t patients, std::size_t cases_each = 1) {
  std::vector<std::string> groups;
  for (std::size_t p = 0; p < patients; ++p) groups.insert(groups.end(), cases_each, "p" + std::to_string(p));
  return groups;
}

void expect_same(const Interval& a, const Interval& b) {
  EXPECT_EQ(a.value, b.value);
  EXPECT_EQ(a.low, b.low);
  EXPECT_EQ(a.high, b.high);
}

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

}  // namespace

TEST(Quantile, LiesOnTheLineBetweenNeighbours) {
  const std::vector<double> sorted{1, 2, 4, 8};
  EXPECT_DOUBLE_EQ(evaluate::quantile(sorted, 0), 1);
  EXPECT_DOUBLE_EQ(evaluate::quantile(sorted, 0.5), 3);
  EXPECT_DOUBLE_EQ(evaluate::quantile(sorted, 0.9), 4 + 0.7 * 4);
  EXPECT_DOUBLE_EQ(evaluate::quantile(sorted, 1), 8);
}

TEST(Bootstrap, OfTwoPatientsRunsFromOneToTheOtherWithTheKnownShares) {
  const std::vector<double> values{0, 1};
  const Interval interval = evaluate::bootstrap_mean(values, numbered(2));
  EXPECT_DOUBLE_EQ(interval.value, 0.5);
  EXPECT_EQ(interval.low, 0);
  EXPECT_EQ(interval.high, 1);
  const Interval half =
      evaluate::bootstrap_mean(values, numbered(2), {.confidence = 0.4});  // 0 and 1 have a quarter each
  EXPECT_EQ(half.low, 0.5);
  EXPECT_EQ(half.high, 0.5);
}

TEST(Bootstrap, OfEqualValuesHasNoWidthAndTooLittleHasNoBounds) {
  const Interval equal = evaluate::bootstrap_mean(std::vector<double>(6, 0.25), numbered(3, 2));
  expect_same(equal, {0.25, 0.25, 0.25});
  const Interval one = evaluate::bootstrap_mean(std::vector{1.0, 2.0}, numbered(1, 2));
  EXPECT_EQ(one.value, 1.5);
  EXPECT_TRUE(std::isnan(one.low) && std::isnan(one.high));
  EXPECT_TRUE(std::isnan(evaluate::bootstrap_mean({}, {}).value));
}

TEST(Bootstrap, DoesNotCountWhatIsNaN) {
  const std::vector<double> values{1, kNaN, 3, 2, kNaN}, counted{1, 3, 2};
  const std::vector<std::string> groups{"a", "x", "b", "a", "b"}, counted_groups{"a", "b", "a"};
  expect_same(evaluate::bootstrap_mean(values, groups), evaluate::bootstrap_mean(counted, counted_groups));
  EXPECT_DOUBLE_EQ(evaluate::bootstrap_mean(values, groups).value, 2);
}

TEST(Bootstrap, IsTheSameWhateverTheThreadsAndAnotherForAnotherSeed) {
  core::Rng rng({9, 0, 0, 0});
  std::vector<double> values(40);
  for (double& value : values) value = rng.normal();
  const auto groups = numbered(20, 2);
  const auto run = [&](int threads, std::uint64_t seed) {
    return evaluate::bootstrap_mean(values, groups, {.resamples = 500, .seed = seed, .threads = threads});
  };
  expect_same(run(1, 4), run(3, 4));
  EXPECT_NE(run(1, 4).low, run(1, 5).low);
}

TEST(Bootstrap, OfManyPatientsIsAsWideAsTheNormalIntervalOfTheMean) {
  core::Rng rng({2, 0, 0, 0});
  std::vector<double> values(400);
  for (double& value : values) value = 10 + 3 * rng.normal();
  const Interval interval = evaluate::bootstrap_mean(values, numbered(400));
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / 400;
  double square = 0;
  for (const double value : values) square += (value - mean) * (value - mean);
  const double error = std::sqrt(square / 399 / 400);
  EXPECT_NEAR(interval.value, mean, 1e-12);
  EXPECT_NEAR((interval.high - interval.low) / (2 * 1.96 * error), 1, 0.06);
}

TEST(Bootstrap, CoversTheTruthNineteenTimesOfTwentyOnlyWhenPatientsAreResampled) {
  constexpr int kRounds = 300, kPatients = 30, kCases = 4;
  int by_patient = 0, by_case = 0;
  for (int round = 0; round < kRounds; ++round) {
    core::Rng rng({17, static_cast<std::uint64_t>(round), 0, 0});
    std::vector<double> values;
    for (int p = 0; p < kPatients; ++p) {
      const double patient = rng.normal();  // shared by the patient's cases
      for (int c = 0; c < kCases; ++c) values.push_back(0.8 + patient + 0.3 * rng.normal());
    }
    const BootstrapOptions options{.resamples = 300, .seed = static_cast<std::uint64_t>(round)};
    const Interval honest = evaluate::bootstrap_mean(values, numbered(kPatients, kCases), options);
    const Interval naive = evaluate::bootstrap_mean(values, numbered(kPatients * kCases), options);
    by_patient += honest.low <= 0.8 && 0.8 <= honest.high;
    by_case += naive.low <= 0.8 && 0.8 <= naive.high;
  }
  EXPECT_GT(by_patient, 0.90 * kRounds);
  EXPECT_LT(by_patient, 0.98 * kRounds);
  EXPECT_LT(by_case, 0.80 * kRounds);
}

TEST(BootstrapDifference, PairsTheCasesSoThatWhatTheyShareFallsOut) {
  core::Rng rng({5, 0, 0, 0});
  std::vector<double> a(30), b(30);
  for (std::size_t i = 0; i < 30; ++i) {
    b[i] = 5 * rng.normal();  // hard and easy cases
    a[i] = b[i] + 0.1 + 0.02 * rng.normal();
  }
  const auto groups = numbered(15, 2);
  const Interval difference = evaluate::bootstrap_difference(a, b, groups),
                 turned = evaluate::bootstrap_difference(b, a, groups);
  EXPECT_NEAR(difference.value, 0.1, 0.015);
  EXPECT_GT(difference.low, 0.08);
  EXPECT_LT(difference.high, 0.12);
  EXPECT_NEAR(turned.low, -difference.high, 1e-12);
  EXPECT_NEAR(turned.high, -difference.low, 1e-12);
  expect_same(evaluate::bootstrap_difference(a, a, groups), {0, 0, 0});
}

TEST(BootstrapDifference, LeavesOutPairsOfWhichOneHasNoNumber) {
  const double infinite = std::numeric_limits<double>::infinity();
  const std::vector<double> a{1, kNaN, 3, infinite}, b{0, 1, 1, 2};
  const Interval difference = evaluate::bootstrap_difference(a, b, numbered(4));
  EXPECT_DOUBLE_EQ(difference.value, 1.5);
  EXPECT_EQ(difference.low, 1);
  EXPECT_EQ(difference.high, 2);
}

TEST(Bootstrap, OfAnyNumberIsThatOfTheMeanWhenTheNumberIsTheMean) {
  core::Rng rng({6, 0, 0, 0});
  std::vector<double> values(36);
  for (double& value : values) value = rng.uniform();
  const auto groups = numbered(12, 3);
  const Interval direct = evaluate::bootstrap_mean(values, groups);
  const Interval any = evaluate::bootstrap(groups, [&](std::span<const std::size_t> picked) {
    double sum = 0;
    for (const std::size_t i : picked) sum += values[i];
    return sum / static_cast<double>(picked.size());
  });
  EXPECT_NEAR(any.value, direct.value, 1e-12);
  EXPECT_NEAR(any.low, direct.low, 1e-12);
  EXPECT_NEAR(any.high, direct.high, 1e-12);
}
