#include "evaluate/crossed_bootstrap.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "core/rng.h"

using evaluate::Interval;

TEST(CrossedBootstrap, OfTwoRepetitionsThatDifferHasTheKnownShares) {
  // Every patient has 0 in the first and 1 in the second: only the repetitions drawn matter, 0 and 1 have a quarter.
  const std::vector<double> values{0, 0, 0, 1, 1, 1};
  const Interval all = evaluate::bootstrap_crossed(values, 2);
  EXPECT_DOUBLE_EQ(all.value, 0.5);
  EXPECT_EQ(all.low, 0);
  EXPECT_EQ(all.high, 1);
  const Interval half = evaluate::bootstrap_crossed(values, 2, {.confidence = 0.4});
  EXPECT_EQ(half.low, 0.5);
  EXPECT_EQ(half.high, 0.5);
}

TEST(CrossedBootstrap, OfEqualValuesHasNoWidthAndOfOnePatientNoBounds) {
  const Interval equal = evaluate::bootstrap_crossed(std::vector<double>(6, 0.25), 2);
  EXPECT_EQ(equal.low, 0.25);
  EXPECT_EQ(equal.high, 0.25);
  const Interval one = evaluate::bootstrap_crossed(std::vector{1.0, 2.0}, 2);
  EXPECT_EQ(one.value, 1.5);
  EXPECT_TRUE(std::isnan(one.low) && std::isnan(one.high));
}

TEST(CrossedBootstrap, IsAsWideAsTheVariancesOfBothSay) {
  core::Rng rng({3, 0, 0, 0});
  constexpr std::size_t kRows = 30, kPatients = 40;
  std::vector<double> row(kRows), column(kPatients), values;
  for (double& each : row) each = 0.5 * rng.normal();
  for (double& each : column) each = rng.normal();
  const auto variance = [](const std::vector<double>& all) {
    double sum = 0, squares = 0;
    for (const double each : all) sum += each, squares += each * each;
    const auto n = static_cast<double>(all.size());
    return squares / n - sum / n * sum / n;
  };
  for (const double a : row) {
    for (const double b : column) values.push_back(a + b);
  }
  const Interval interval = evaluate::bootstrap_crossed(values, kRows, {.resamples = 4000});
  const double deviation = std::sqrt(variance(row) / kRows + variance(column) / kPatients);
  EXPECT_NEAR((interval.high - interval.low) / 2, 1.96 * deviation, 0.1 * deviation);
  EXPECT_NEAR((interval.high + interval.low) / 2, interval.value, 0.2 * deviation);
}

TEST(CrossedBootstrap, OfOneRepetitionIsTheBootstrapOverPatients) {
  core::Rng rng({4, 0, 0, 0});
  std::vector<double> values(50);
  std::vector<std::string> patients;
  for (double& each : values) {
    each = rng.normal();
    patients.push_back("p" + std::to_string(patients.size()));
  }
  const Interval crossed = evaluate::bootstrap_crossed(values, 1, {.resamples = 8000});
  const Interval plain = evaluate::bootstrap_mean(values, patients, {.resamples = 8000});
  EXPECT_DOUBLE_EQ(crossed.value, plain.value);
  EXPECT_NEAR(crossed.low, plain.low, 0.02);
  EXPECT_NEAR(crossed.high, plain.high, 0.02);
}
