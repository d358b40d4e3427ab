#include "volume/case.h"

#include <gtest/gtest.h>

#include <limits>

#include "core/error.h"

using volume::Case;
using volume::Geometry;
using volume::Volume;
using volume::VoxelType;

namespace {

Case two_channels() {
  Case c;
  c.id = "a";
  c.channels.push_back({"T1", "MR", Volume({2, 3, 4}, VoxelType::kInt16, Geometry{})});
  c.channels.push_back({"T2", "MR", std::nullopt});
  c.label_map = Volume({2, 3, 4}, VoxelType::kUInt8, Geometry{});
  return c;
}

std::string story(const Case& c) {
  try {
    c.check();
  } catch (const core::Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST(Case, AcceptsAnAbsentChannel) { EXPECT_EQ(story(two_channels()), ""); }

TEST(Case, NamesWhatDoesNotFit) {
  Case shifted = two_channels();
  shifted.label_map->geometry.origin_mm[2] = 3;
  EXPECT_NE(story(shifted).find("case a: the label map lies elsewhere"), std::string::npos) << story(shifted);
  Case smaller = two_channels();
  smaller.channels[1].image = Volume({2, 3, 5}, VoxelType::kInt16, Geometry{});
  EXPECT_NE(story(smaller).find("channel 'T2' has another shape"), std::string::npos) << story(smaller);
  Case fractions = two_channels();
  fractions.label_map = Volume({2, 3, 4}, VoxelType::kFloat32, Geometry{});
  EXPECT_NE(story(fractions).find("fractions"), std::string::npos);
  Case twice = two_channels();
  twice.channels[1].name = "T1";
  EXPECT_NE(story(twice).find("'T1' is there twice"), std::string::npos);
  Case empty = two_channels();
  empty.channels[0].image.reset();
  EXPECT_NE(story(empty).find("has no image"), std::string::npos);
}

TEST(Volume, AppliesScaleAndOffsetOnce) {
  Volume ct({1, 1, 3}, VoxelType::kInt16, Geometry{});
  ct.scale = 2;
  ct.offset = -1024;
  ct.voxels<std::int16_t>()[1] = 500;
  ct.voxels<std::int16_t>()[2] = -3;
  const Volume hu = ct.as_float();
  EXPECT_EQ(hu.voxels<float>()[0], -1024);
  EXPECT_EQ(hu.voxels<float>()[1], -24);
  EXPECT_EQ(hu.voxels<float>()[2], -1030);
  EXPECT_EQ(hu.scale, 1);
  EXPECT_EQ(hu.as_float().voxels<float>()[2], -1030);
}

TEST(Volume, CloneIsIndependentAndAnotherTypeIsABug) {
  Volume a({1, 2, 2}, VoxelType::kUInt8, Geometry{});
  Volume b = a.clone();
  b.voxels<std::uint8_t>()[3] = 9;
  EXPECT_EQ(a.voxels<std::uint8_t>()[3], 0);
  EXPECT_THROW(a.voxels<float>(), std::logic_error);
}

TEST(Volume, RefusesShapesThatOverflow) {
  const std::int64_t big = std::numeric_limits<std::int32_t>::max();
  EXPECT_THROW(Volume({big, big, 4}, VoxelType::kInt16, Geometry{}), core::Error);
  EXPECT_THROW(Volume({0, 1, 1}, VoxelType::kInt16, Geometry{}), core::Error);
}
