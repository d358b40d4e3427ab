// Arithmetic on rows, beside the same done voxel by voxel in double precision.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "augment/axis_filter.h"
#include "augment/pick_row.h"
#include "augment/voxel_rows.h"
#include "core/rng.h"

namespace {

std::vector<float> random_row(std::size_t size, double mean, double deviation) {
  core::Rng rng({size, 0, 0, 0});
  std::vector<float> row(size);
  for (float& voxel : row) voxel = static_cast<float>(mean + deviation * rng.normal());
  return row;
}

constexpr std::size_t kSizes[] = {1, 2, 7, 8, 9, 31, 64, 1000, 4097};

}  // namespace

TEST(VoxelRows, WhatARowIsLikeIsKnownWhateverItsLengthAndOffset) {
  for (const std::size_t size : kSizes) {
    const std::vector<float> row = random_row(size, 30000, 20);
    double sum = 0, squares = 0;
    for (const float voxel : row) sum += voxel;
    const double mean = sum / static_cast<double>(size);
    for (const float voxel : row) squares += (voxel - mean) * (voxel - mean);
    const augment::Contents contents = augment::contents_of(row);
    EXPECT_NEAR(contents.mean, mean, 1e-9 * mean) << size;
    EXPECT_NEAR(contents.deviation, std::sqrt(squares / static_cast<double>(size)), 1e-6) << size;
    EXPECT_EQ(contents.low, *std::ranges::min_element(row));
    EXPECT_EQ(contents.high, *std::ranges::max_element(row));
  }
}

TEST(VoxelRows, NoiseIsThatOfPhiloxAndOfBoxAndMuller) {
  constexpr std::uint64_t kSeed = 0x123456789abcdef0;
  for (const std::size_t size : kSizes) {
    std::vector<float> row(size, 5.0f);
    augment::add_noise(row, kSeed, 3, 2.0f);
    double most = 0;
    for (std::size_t i = 0; i < size; ++i) {
      const core::PhiloxBlock words =
          core::philox4x32({static_cast<std::uint32_t>(i / 4), 3, 0, 0}, {0x9abcdef0u, 0x12345678u});
      const auto part = [&](std::size_t word) { return ((words[word] >> 8) + 1.0) * 0x1.0p-24; };
      const std::size_t pair = i % 4 / 2 * 2;
      const double radius = std::sqrt(-2 * std::log(part(pair))), angle = 2 * std::numbers::pi * part(pair + 1);
      const double truth = 5 + 2 * radius * (i % 2 == 0 ? std::cos(angle) : std::sin(angle));
      most = std::max(most, std::abs(truth - static_cast<double>(row[i])));
    }
    EXPECT_LT(most, 1e-5) << size;
  }
}

TEST(VoxelRows, APowerIsThatOfTheStandardLibraryAndTheEndsStay) {
  for (const float power : {0.1f, 0.7f, 1.0f, 1.5f, 3.0f, 100.0f}) {
    for (const bool upside_down : {false, true}) {
      std::vector<float> row = random_row(1003, 100, 30);
      row[5] = row[6];
      const auto [low, high] = std::ranges::minmax(row);
      std::vector<float> raised = row;
      augment::raise(raised, low, high, power, upside_down);
      double most = 0;
      for (std::size_t i = 0; i < row.size(); ++i) {
        const double way = (static_cast<double>(row[i]) - low) / (static_cast<double>(high) - low);
        const double truth = upside_down ? 1 - std::pow(1 - way, power) : std::pow(way, power);
        most = std::max(most, std::abs(truth - static_cast<double>(raised[i])));
        if (row[i] == low) {
          EXPECT_EQ(raised[i], 0);
        }
        if (row[i] == high) {
          EXPECT_NEAR(raised[i], 1, 2e-7);
        }
      }
      EXPECT_LT(most, 1e-5) << power << (upside_down ? " upside down" : "");
    }
  }
}

TEST(VoxelRows, AStretchOfNothingChangesNothingAndLimitsHold) {
  const std::vector<float> row = random_row(77, -3, 1000);
  std::vector<float> changed = row;
  augment::stretch(changed, {.from = 17});
  EXPECT_EQ(changed, row);
  augment::stretch(changed, {.from = 1, .more = 0.5f, .shift = 2, .low = -100, .high = 50});
  for (std::size_t i = 0; i < row.size(); ++i)
    EXPECT_NEAR(changed[i], std::clamp(row[i] + 0.5f * (row[i] - 1) + 2, -100.0f, 50.0f), 1e-3);
}

TEST(VoxelRows, WeighedRowsAreTheirSum) {
  const std::vector<float> rows = random_row(5 * 40, 0, 1), weights{0.5f, -2, 3};
  std::vector<float> out(37);
  augment::weigh_rows(rows.data() + 1, 40, weights, out.size(), out.data());
  for (std::size_t x = 0; x < out.size(); ++x) {
    const double truth = 0.5 * rows[1 + x] - 2.0 * rows[41 + x] + 3.0 * rows[81 + x];
    EXPECT_NEAR(out[x], truth, 1e-5);
  }
}

TEST(PickRow, IsTrilinearInsideOfTheBoxAndTheNearestPlaceOutside) {
  constexpr int kD = 5, kH = 6, kW = 7;
  const std::vector<float> box = random_row(kD * kH * kW, 0, 1);
  const augment::RowSource source{{0, 1, 0},  // the box begins at the second row of the case
                                  {kD - 1, kH, kW - 1},
                                  {-0.5f, -0.5f, -0.5f},
                                  {kD - 0.5f, kH + 0.5f, kW + 10},
                                  {0, 1, 0},
                                  {kD - 2, kH - 1, kW - 2},
                                  {kH * kW, kW, 1},
                                  {kH * kW, kW, 1}};
  std::array<std::vector<float>, 3> bend;
  for (std::size_t a = 0; a < 3; ++a) {
    bend[a] = random_row(53 + a, 0, 0.4);
    bend[a].resize(50 + augment::kRowPadding);
  }
  augment::RowLine line{{{-1.25f, 1.5f, -2}, {0.125f, 0.0625f, 0.25f}, {{1, 0.5f, 0}, {0, 2, 0}, {0, 0, 1}}}, nullptr};
  for (const bool bent : {false, true}) {
    line.bend = bent ? &bend : nullptr;
    augment::RowPlaces places(50);
    augment::find_row(source, line, places);
    std::vector<float> out(50);
    augment::interpolate_row(source, places, box.data(), {}, out.data());
    for (std::size_t w = 0; w < out.size(); ++w) {
      std::array<double, 3> at{};
      bool inside = true;
      std::array<int, 3> lower{};
      std::array<double, 3> part{};
      for (std::size_t a = 0; a < 3; ++a) {
        at[a] = line.base[a] + line.step[a] * static_cast<double>(w);
        for (std::size_t c = 0; bent && c < 3; ++c) at[a] += static_cast<double>(line.map[a][c]) * bend[c][w];
        inside = inside && at[a] >= source.case_low[a] && at[a] < source.case_high[a];
        const double kept = std::clamp<double>(at[a], source.first[a], source.last[a]);
        lower[a] = std::min(static_cast<int>(kept), static_cast<int>(source.last_corner[a]));
        part[a] = kept - lower[a];
      }
      double truth = 0;
      for (int corner = 0; corner < 8; ++corner) {
        const int d = corner / 4, h = corner / 2 % 2, v = corner % 2;
        const double weight = (d ? part[0] : 1 - part[0]) * (h ? part[1] : 1 - part[1]) * (v ? part[2] : 1 - part[2]);
        truth += weight * box[static_cast<std::size_t>(((lower[0] + d) * kH + lower[1] - 1 + h) * kW + lower[2] + v)];
      }
      EXPECT_NEAR(out[w], truth, 1e-5) << w << (bent ? " bent" : "");
      EXPECT_EQ(places.inside[w], inside ? 1 : 0) << w;
    }
  }
}

TEST(VoxelRows, TurnedAroundTwiceIsAsBeforeAndOnceIsTheOtherWayRound) {
  for (const std::size_t size : kSizes) {
    const std::vector<float> row = random_row(size, 0, 1);
    std::vector<float> turned = row;
    augment::reverse(turned);
    EXPECT_TRUE(std::equal(row.rbegin(), row.rend(), turned.begin())) << size;
  }
}

TEST(VoxelRows, RowsBecomeColumns) {
  for (const auto& [rows, columns] :
       std::vector<std::pair<std::size_t, std::size_t>>{{1, 9}, {9, 1}, {4, 4}, {13, 22}}) {
    const std::vector<float> from = random_row(rows * columns, 0, 1);
    std::vector<float> to(from.size());
    augment::transpose(from.data(), rows, columns, to.data());
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t c = 0; c < columns; ++c) EXPECT_EQ(to[c * rows + r], from[r * columns + c]) << r << " " << c;
    }
  }
}

TEST(VoxelRows, NumbersGetTheirScaleAndWhatIsNotValidIsCleared) {
  for (const std::size_t size : kSizes) {
    std::vector<std::int16_t> numbers(size);
    std::vector<std::uint8_t> valid(size);
    core::Rng rng({size, 1, 0, 0});
    for (auto& number : numbers) number = static_cast<std::int16_t>(rng.below(65536) - 32768);
    for (auto& each : valid) each = static_cast<std::uint8_t>(rng.below(2));
    std::vector<float> out(size);
    augment::scale_row(numbers, 0.25f, -3, out.data());
    std::vector<float> cleared = out;
    augment::clear(cleared, valid);
    for (std::size_t i = 0; i < size; ++i) {
      EXPECT_EQ(out[i], static_cast<float>(numbers[i]) * 0.25f - 3) << i;
      EXPECT_EQ(cleared[i], valid[i] != 0 ? out[i] : 0.0f) << i;
    }
  }
}

TEST(AxisFilter, DoesTheSameAlongEveryAxisAsOneSumAVoxel) {
  const volume::Shape shape{37, 41, 50};
  const std::vector<float> before = random_row(static_cast<std::size_t>(shape.voxels()), 3, 2);
  const std::array<std::int64_t, 3> stride{shape.height * shape.width, shape.width, 1};
  for (int axis = 0; axis < 3; ++axis) {
    for (const augment::AxisFilter& filter : {augment::gaussian(shape[axis], 0.9), augment::gaussian(shape[axis], 9),
                                              augment::through_coarse(shape[axis], shape[axis] / 2 - 1)}) {
      std::vector<float> after = before;
      augment::filter(after, shape, axis, filter);
      const std::int64_t step = stride[static_cast<std::size_t>(axis)];
      for (std::int64_t i = 0; i < shape.voxels(); ++i) {
        const std::int64_t at = i / step % shape[axis], line = i - at * step;
        double sum = 0;
        for (std::size_t k = 0; k < filter.weights[static_cast<std::size_t>(at)].size(); ++k) {
          const std::int64_t from = filter.first[static_cast<std::size_t>(at)] + static_cast<std::int64_t>(k);
          sum += static_cast<double>(filter.weights[static_cast<std::size_t>(at)][k]) *
                 before[static_cast<std::size_t>(line + from * step)];
        }
        ASSERT_NEAR(after[static_cast<std::size_t>(i)], sum, 1e-5) << axis << " " << i;
      }
    }
  }
}
