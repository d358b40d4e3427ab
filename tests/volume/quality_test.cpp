#include "volume/quality.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "core/rng.h"
#include "volume/phantom.h"

using volume::doubts_of;
using volume::Quality;
using volume::quality_of;
using volume::Volume;
using volume::VoxelType;
using Codes = std::vector<std::string>;

namespace {

volume::Geometry somewhere() {
  volume::Geometry g;
  g.origin_mm = {-30, 12, 5};
  g.spacing_mm = {2, 1, 1};
  return g;
}

// A box of 1000 from `begin` to `end` (all axes) in a dark cube of 20.
Volume box(std::int64_t begin, std::int64_t end) {
  Volume v({20, 20, 20}, VoxelType::kInt16, somewhere());
  v.scale = 2;
  v.offset = -100;
  auto voxels = v.voxels<std::int16_t>();
  for (std::int64_t i = 0; i < 8000; ++i) {
    const std::int64_t d = i / 400, h = i / 20 % 20, w = i % 20;
    const bool inside = std::min({d, h, w}) >= begin && std::max({d, h, w}) < end;
    voxels[static_cast<std::size_t>(i)] = inside ? 1000 : 0;
  }
  return v;
}

Volume noise(double mean, double deviation, volume::Shape shape = {24, 40, 40}) {
  Volume v(shape, VoxelType::kFloat32, somewhere());
  core::Rng rng({.seed = 4});
  for (float& voxel : v.voxels<float>()) voxel = static_cast<float>(mean + deviation * rng.normal());
  return v;
}

Volume phantom(const std::string& modality, std::int64_t index = 0) {
  volume::PhantomOptions options;
  options.modality = modality;
  options.patients = 8;
  options.size = 32;
  volume::Case one = volume::phantom_case(options, index);
  return std::move(*one.channels[0].image);
}

// Bright becomes dark within the values there are.
Volume inverted(const Volume& image) {
  Volume result = image.as_float();
  auto voxels = result.voxels<float>();
  const auto [low, high] = std::minmax_element(voxels.begin(), voxels.end());
  const float sum = *low + *high;
  for (float& voxel : voxels) voxel = sum - voxel;
  return result;
}

}  // namespace

TEST(Quality, OfABoxInTheDarkIsAsCountedByHand) {
  const Quality q = quality_of(box(5, 15), "MR");
  EXPECT_EQ(q.low, -100);
  EXPECT_EQ(q.high, 1900);
  EXPECT_EQ(q.histogram.front(), 7000);
  EXPECT_EQ(q.histogram.back(), 1000);
  EXPECT_EQ(std::accumulate(q.histogram.begin(), q.histogram.end(), std::int64_t{0}), 8000);
  EXPECT_EQ(q.threshold, -100 + 2000.0 / 64);  // half way to the end of the first of 32 bins
  EXPECT_EQ(q.content_share, 0.125);
  EXPECT_EQ(q.content, (volume::VoxelBox{{5, 5, 5}, {10, 10, 10}}));
  EXPECT_EQ(q.faces_touched, 0);
  EXPECT_EQ(q.noise, 0);
  EXPECT_TRUE(std::isinf(q.snr));
  EXPECT_EQ(q.edge, 0);
  EXPECT_EQ(q.edge_spread, 0);
  EXPECT_EQ(q.middle, 1);
  EXPECT_EQ(doubts_of(q, "MR"), Codes{});
}

TEST(Quality, AValueThatFallsWithTheStoredOneIsMeantAsItIsMeant) {
  Volume falling = box(5, 15);
  for (std::int16_t& voxel : falling.voxels<std::int16_t>()) voxel = static_cast<std::int16_t>(-voxel);
  falling.scale = -2;
  const Quality q = quality_of(falling, "MR"), same = quality_of(box(5, 15), "MR");
  EXPECT_EQ(q.content, same.content);
  EXPECT_EQ(q.histogram, same.histogram);
  EXPECT_EQ(q.middle, 1);
}

TEST(Quality, ContentAtTheBorderCountsByFace) {
  EXPECT_EQ(quality_of(box(0, 15), "MR").faces_touched, 3);
  EXPECT_EQ(doubts_of(quality_of(box(0, 15), "MR"), "MR"), Codes{});
  EXPECT_EQ(quality_of(box(0, 20), "MR").blank, true);
  Volume framed = box(0, 20);
  for (std::size_t i = 0; i < 200; ++i) framed.voxels<std::int16_t>()[37 * i] = 0;
  EXPECT_EQ(quality_of(framed, "MR").faces_touched, 6);
  EXPECT_EQ(doubts_of(quality_of(framed, "MR"), "MR").front(), "CROPPED");
}

TEST(Quality, OneValueOrNearlyOneIsBlank) {
  Volume nothing({6, 7, 8}, VoxelType::kUInt16, somewhere());
  EXPECT_EQ(doubts_of(quality_of(nothing, "CT"), "CT"), Codes{"BLANK"});
  nothing.voxels<std::uint16_t>()[100] = 9;  // one voxel of 336
  EXPECT_EQ(doubts_of(quality_of(nothing, "CT"), "CT"), Codes{"BLANK"});
}

TEST(Quality, NoiseIsMeasuredWithinATenthWhateverLiesBeneath) {
  for (const double deviation : {5.0, 20.0, 60.0}) {
    EXPECT_NEAR(quality_of(noise(300, deviation), "MR").noise, deviation, 0.1 * deviation);
    Volume smooth = noise(0, deviation);
    std::int64_t i = 0;
    for (float& voxel : smooth.voxels<float>()) {
      voxel += static_cast<float>(i % 40 * 10 + (i % 40 > 20 ? 500 : 0));
      ++i;
    }
    EXPECT_NEAR(quality_of(smooth, "MR").noise, deviation, 0.1 * deviation);
  }
}

TEST(Quality, NoiseAloneIsToldFromAnatomy) {
  const Quality q = quality_of(noise(100, 10), "MR");
  EXPECT_NEAR(q.snr, 3.29, 0.25);
  EXPECT_EQ(doubts_of(q, "MR"), Codes{"LOW_SNR"});
}

TEST(Quality, MadeUpPatientsRaiseNoDoubtAndInvertedOnesDo) {
  for (const std::string modality : {"CT", "MR"}) {
    for (std::int64_t i = 0; i < 4; ++i) {
      const Volume image = phantom(modality, i);
      EXPECT_EQ(doubts_of(quality_of(image, modality), modality), Codes{}) << modality << i;
      EXPECT_EQ(doubts_of(quality_of(inverted(image), modality), modality), Codes{"INVERTED"}) << modality << i;
    }
  }
}

TEST(Quality, AFileThatWasNeverToldItsPlaceIsDoubted) {
  Volume image = box(5, 15);
  image.geometry = {};
  EXPECT_EQ(doubts_of(quality_of(image, "MR"), "MR"), Codes{"PLACE_UNKNOWN"});
  image.geometry.origin_mm[1] = -1;
  EXPECT_EQ(doubts_of(quality_of(image, "MR"), "MR"), Codes{});
}

TEST(Quality, SmallAndFlatGridsAreMeasuredToo) {
  for (const volume::Shape shape : {volume::Shape{1, 1, 1}, volume::Shape{1, 1, 9}, volume::Shape{2, 1, 3},
                                    volume::Shape{9, 1, 1}, volume::Shape{1, 8, 8}}) {
    Volume v(shape, VoxelType::kInt16, somewhere());
    for (std::size_t i = 0; i < v.voxels<std::int16_t>().size(); ++i)
      v.voxels<std::int16_t>()[i] = static_cast<std::int16_t>(i * i);
    const Quality q = quality_of(v, "OT");
    EXPECT_TRUE(std::isfinite(q.edge) && std::isfinite(q.middle) && q.content_share <= 1);
  }
}
