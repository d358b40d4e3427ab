#include "volume/rows.h"

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "core/rng.h"
#include "volume/one_axis.h"

namespace {

// Runs the body with each kind of vectors that this processor has.
template <class Body>
void with_each_target(const Body& body) {
  for (std::int64_t left = hwy::SupportedTargets(); left != 0; left &= left - 1) {
    hwy::SetSupportedTargetsForTest(left & -left);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    SCOPED_TRACE(hwy::TargetName(left & -left));
    body();
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

std::vector<float> random_row(std::size_t size, std::uint64_t seed) {
  core::Rng rng({seed, 0, 0, 0});
  std::vector<float> row(size);
  for (float& v : row) v = static_cast<float>(rng.normal());
  return row;
}

template <class T>
void expect_sums() {
  for (std::size_t size = 1; size < 70; ++size) {
    for (std::size_t count = 1; count <= 4; ++count) {
      std::vector<std::vector<T>> rows(count);
      std::vector<const T*> starts;
      const std::vector<float> weights = random_row(count, 7);
      for (std::size_t k = 0; k < count; ++k) {
        for (const float v : random_row(size, k + 1)) rows[k].push_back(static_cast<T>(std::abs(v) * 20));
        starts.push_back(rows[k].data());
      }
      std::vector<float> got(size);
      volume::sum_rows<T>(starts, weights, size, got.data());
      for (std::size_t i = 0; i < size; ++i) {
        volatile float sum = weights[0] * static_cast<float>(rows[0][i]);
        for (std::size_t k = 1; k < count; ++k) {
          const volatile float part = weights[k] * static_cast<float>(rows[k][i]);
          sum = sum + part;
        }
        ASSERT_EQ(got[i], sum) << size << " " << count << " " << i;
      }
    }
  }
}

template <class T>
void expect_stored() {
  const float low = static_cast<float>(std::numeric_limits<T>::lowest());
  const float high = static_cast<float>(std::numeric_limits<T>::max());
  const float inf = std::numeric_limits<float>::infinity();
  std::vector<float> row{0.5F, 1.5F, 2.5F, -0.5F, 99.49F, low - 1000, high + 1000, low, high, -inf, inf, NAN};
  while (row.size() < 37) row.push_back(row[row.size() - 12]);
  std::vector<T> got(row.size());
  volume::store_row<T>(row.data(), row.size(), got.data());
  for (std::size_t i = 0; i < row.size(); ++i) {
    const double value = static_cast<double>(row[i]);
    const double held = std::isnan(value)
                            ? static_cast<double>(low)
                            : std::min(std::max(value, static_cast<double>(low)), static_cast<double>(high));
    ASSERT_EQ(got[i], static_cast<T>(std::nearbyint(held))) << i << " " << row[i];
  }
}

}  // namespace

TEST(Rows, SumsAreThoseOfAPlainLoopBitForBitOnEveryKindOfVector) {
  with_each_target([] {
    expect_sums<std::uint8_t>();
    expect_sums<std::uint16_t>();
    expect_sums<std::int16_t>();
    expect_sums<float>();
  });
}

TEST(Rows, StoringRoundsToEvenAndHoldsWhatDoesNotFit) {
  with_each_target([] {
    expect_stored<std::uint8_t>();
    expect_stored<std::int8_t>();
    expect_stored<std::uint16_t>();
    expect_stored<std::int16_t>();
  });
}

TEST(Rows, TapsTakeWhatTheirIndicesName) {
  const std::vector<float> row = random_row(50, 3);
  for (const int count : {1, 2, 4}) {
    volume::RowTaps taps;
    taps.count = count;
    core::Rng rng({9, 0, 0, 0});
    for (int k = 0; k < count; ++k) {
      taps.weight[k] = random_row(41, static_cast<std::uint64_t>(k) + 20);
      for (int i = 0; i < 41; ++i) taps.index[k].push_back(static_cast<std::int32_t>(rng.below(50)));
    }
    std::vector<float> first;
    with_each_target([&] {
      std::vector<float> got(41, -7);
      volume::take_taps(row.data(), taps, 2, 40, got.data());
      EXPECT_EQ(got[0], -7);
      EXPECT_EQ(got[1], -7);
      EXPECT_EQ(got[40], -7);
      for (std::size_t i = 2; i < 40; ++i) {
        double sum = 0;
        for (int k = 0; k < count; ++k)
          sum += static_cast<double>(taps.weight[k][i]) * row[static_cast<std::size_t>(taps.index[k][i])];
        ASSERT_NEAR(got[i], sum, 1e-5);
      }
      if (first.empty()) first = got;
      EXPECT_EQ(first, got);
    });
  }
}

TEST(Rows, SplineCoefficientsOfAnyAxisAreThoseOfDoublePrecision) {
  const volume::Shape shape{19, 5, 37};
  std::vector<float> values = random_row(static_cast<std::size_t>(shape.voxels()), 4);
  const std::vector<double> exact(values.begin(), values.end());
  for (int axis = 0; axis < 3; ++axis) {
    std::vector<double> wanted = exact;
    volume::to_spline_coefficients<double>(wanted, volume::axis_view(shape, axis), 1);
    with_each_target([&] {
      std::vector<float> got = values;
      volume::to_spline_coefficients<float>(got, volume::axis_view(shape, axis), 2);
      for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], wanted[i], 2e-5) << axis << " " << i;
    });
  }
}
