// The arithmetic of one voxel, which kernels run, beside the same done on rows with vectors: to the same bits.
#include "augment/voxel_math.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "augment/bend.h"
#include "augment/pick_row.h"
#include "augment/voxel_place.h"
#include "augment/voxel_rows.h"
#include "core/rng.h"

namespace {

namespace voxel = augment::voxel;

std::vector<float> random_row(std::size_t size, double mean, double deviation) {
  core::Rng rng({size, 1, 0, 0});
  std::vector<float> row(size);
  for (float& each : row) each = static_cast<float>(mean + deviation * rng.normal());
  return row;
}

}  // namespace

TEST(VoxelMath, WordsAreThoseOfPhilox) {
  std::uint32_t words[4];
  voxel::random_words(0x123456789abcdef0, 3, 77, words);
  const core::PhiloxBlock truth = core::philox4x32({77, 3, 0, 0}, {0x9abcdef0u, 0x12345678u});
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(words[i], truth[i]) << i;
}

TEST(VoxelMath, NoiseIsThatOfRowsToTheBit) {
  std::vector<float> row(100003, 0.0f);
  augment::add_noise(row, 0xfedcba9876543210, 2, 1.75f);
  for (std::size_t i = 0; i < row.size(); ++i) {
    float noise[4];
    voxel::noise_of(0xfedcba9876543210, 2, static_cast<std::uint32_t>(i / 4), 1.75f, noise);
    ASSERT_EQ(row[i], noise[i % 4]) << i;
  }
}

TEST(VoxelMath, APowerIsThatOfRowsToTheBit) {
  const std::vector<float> row = random_row(10007, 100, 30);
  const auto [low, high] = std::ranges::minmax(row);
  for (const float power : {0.1f, 0.7f, 1.0f, 1.5f, 100.0f}) {
    for (const bool upside_down : {false, true}) {
      std::vector<float> raised = row;
      augment::raise(raised, low, high, power, upside_down);
      for (std::size_t i = 0; i < row.size(); ++i)
        ASSERT_EQ(raised[i], voxel::raised(row[i], low, high, power, upside_down)) << row[i] << " " << power;
    }
  }
}

TEST(VoxelMath, AStretchIsThatOfRowsToTheBit) {
  const std::vector<float> row = random_row(1003, -3, 1000);
  std::vector<float> changed = row;
  augment::stretch(changed, {.from = 1.3f, .more = 0.7f, .shift = 2.1f, .low = -900, .high = 850});
  for (std::size_t i = 0; i < row.size(); ++i)
    ASSERT_EQ(changed[i], voxel::stretched(row[i], 1.3f, 0.7f, 2.1f, -900, 850)) << row[i];
}

TEST(VoxelMath, AWeighedSumIsThatOfRowsToTheBit) {
  const std::vector<float> rows = random_row(5 * 40, 0, 1), weights{0.3f, -2.1f, 3.7f, 0.11f};
  std::vector<float> out(37);
  augment::weigh_rows(rows.data() + 1, 40, weights, out.size(), out.data());
  for (std::size_t x = 0; x < out.size(); ++x)
    ASSERT_EQ(out[x], voxel::weighed(rows.data() + 1 + x, 40, weights.data(), 4)) << x;
}

TEST(VoxelMath, RoundingGoesToTheEvenOfTwo) {
  EXPECT_EQ(voxel::nearest(0.5f), 0);
  EXPECT_EQ(voxel::nearest(1.5f), 2);
  EXPECT_EQ(voxel::nearest(2.5f), 2);
  EXPECT_EQ(voxel::nearest(-0.5f), 0);
  EXPECT_EQ(voxel::nearest(-1.5f), -2);
  EXPECT_EQ(voxel::nearest(-125.51f), -126);
}

TEST(VoxelPlace, SplineWeightsAreOneInAllAndThoseOfTheBookAtTheKnots) {
  double weights[4];
  for (double t = 0; t <= 1; t += 0.125) {
    voxel::spline_weights(t, weights);
    EXPECT_NEAR(weights[0] + weights[1] + weights[2] + weights[3], 1, 1e-15) << t;
  }
  voxel::spline_weights(0, weights);
  EXPECT_NEAR(weights[0], 1.0 / 6, 1e-15);
  EXPECT_NEAR(weights[1], 4.0 / 6, 1e-15);
  EXPECT_NEAR(weights[2], 1.0 / 6, 1e-15);
  EXPECT_EQ(weights[3], 0);
}

TEST(VoxelPlace, IsThatOfRowsToTheBitAlsoOutsideAndAlongAnAxisOfOneVoxel) {
  const std::array<std::int32_t, 3> size{5, 1, 7}, begin{2, 0, 3};
  voxel::Box box{};
  box.stride[0] = box.stride[1] = 7, box.stride[2] = 1;
  for (std::size_t a = 0; a < 3; ++a) {
    box.first[a] = static_cast<float>(begin[a]);
    box.last[a] = static_cast<float>(begin[a] + size[a] - 1);
    box.case_low[a] = -0.5f;
    box.case_high[a] = static_cast<float>(begin[a] + size[a]) + 1.5f;
    box.begin[a] = begin[a];
    box.last_corner[a] = begin[a] + std::max(size[a] - 2, 0);
    box.upper[a] = size[a] > 1 ? box.stride[a] : 0;
  }
  std::array<std::vector<float>, 3> bend;
  for (std::size_t a = 0; a < 3; ++a) bend[a] = random_row(60 + a + augment::kRowPadding, 0, 0.7);
  const double map[3][4] = {{0.9, 0.31, 0.13, -1.7}, {0.2, 1.1, -0.07, 0.3}, {0.11, -0.2, 0.27, 1.9}};
  for (const bool bent : {false, true}) {
    const voxel::Line line = voxel::line_of(map, 3, 2);
    const augment::RowLine row_line{line, bent ? &bend : nullptr};
    augment::RowPlaces places(60);
    augment::find_row(box, row_line, places);
    for (std::size_t w = 0; w < 60; ++w) {
      const float here[3] = {bend[0][w], bend[1][w], bend[2][w]};
      const voxel::Place place = voxel::place_of(box, line, static_cast<std::int32_t>(w), bent ? here : nullptr);
      ASSERT_EQ(place.corner, places.corner[w]) << w;
      ASSERT_EQ(place.inside ? 1 : 0, places.inside[w]) << w;
      for (std::size_t a = 0; a < 3; ++a) ASSERT_EQ(place.part[a], places.part[a][w]) << w;
    }
  }
}

TEST(VoxelPlace, OfTwoLabelsTheNearerOneWinsAndOfEqualSharesTheFirst) {
  voxel::Box box{};
  box.stride[0] = box.upper[0] = 4, box.stride[1] = box.upper[1] = 2, box.stride[2] = box.upper[2] = 1;
  const std::uint8_t labels[] = {9, 4, 9, 4, 9, 4, 9, 4};  // 9 left, 4 right
  voxel::Place place{0, {0.3f, 0.8f, 0.25f}, true};
  EXPECT_EQ(voxel::voted(box, place, labels), 9);
  place.part[2] = 0.75f;
  EXPECT_EQ(voxel::voted(box, place, labels), 4);
  place.part[0] = place.part[1] = place.part[2] = 0.5f;
  EXPECT_EQ(voxel::voted(box, place, labels), 9);
}

TEST(VoxelPlace, ABendMadeOfItsControlPointsIsThatOfItsRowsToTheBit) {
  augment::Bend bend({9, 11, 17}, 3, {2, 1.5, 0.5}, 99);
  const auto points = static_cast<std::int32_t>(bend.points());
  const auto weights_at = [&](int axis, std::int64_t i, float(&weights)[4]) {
    for (std::size_t k = 0; k < 4; ++k) weights[k] = bend.along(axis).weights[k][static_cast<std::size_t>(i)];
    return static_cast<std::int32_t>(bend.along(axis).first[static_cast<std::size_t>(i)]);
  };
  for (const std::int64_t d : {0, 4, 8}) {
    bend.plane(d);
    for (const std::int64_t h : {0, 3, 10}) {
      const auto& row = bend.row(h);
      float of_d[4], of_h[4], of_w[4];
      const std::int32_t first_d = weights_at(0, d, of_d), first_h = weights_at(1, h, of_h), wide = 3 * points;
      std::vector<float> line(static_cast<std::size_t>(wide));
      for (std::int32_t i = 0; i < wide; ++i) {
        float along_depth[4];
        for (std::int32_t k = 0; k < 4; ++k) {
          const float* const from = bend.control().data() + (first_d * points + first_h + k) * wide + i;
          along_depth[k] = voxel::of_four(from, points * wide, of_d);
        }
        line[static_cast<std::size_t>(i)] = voxel::of_four(along_depth, 1, of_h);
      }
      for (std::int64_t w = 0; w < 17; ++w) {
        const std::int32_t first = weights_at(2, w, of_w);
        for (std::int32_t a = 0; a < 3; ++a)
          ASSERT_EQ(row[static_cast<std::size_t>(a)][static_cast<std::size_t>(w)],
                    voxel::of_four(line.data() + a * points + first, 1, of_w));
      }
    }
  }
}
