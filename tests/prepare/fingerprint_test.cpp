#include "prepare/fingerprint.h"

#include <atomic>
#include <cmath>
#include <fstream>

#include "cases.h"
#include "core/error.h"
#include "prepare/foreground.h"
#include "volume/phantom.h"

using prepare::Fingerprint;
using prepare::fingerprint;

namespace {

bool same(const prepare::ValueStatistics& a, const prepare::ValueStatistics& b) {
  return a.voxels == b.voxels && a.lowest == b.lowest && a.highest == b.highest && a.two_values == b.two_values &&
         a.percentile_00_5 == b.percentile_00_5 && a.median == b.median && a.percentile_99_5 == b.percentile_99_5 &&
         a.mean == b.mean && a.deviation == b.deviation;
}

}  // namespace

TEST(Fingerprint, ForegroundOfCtIsAboveAirAndOfEverythingElseIsNotZero) {
  EXPECT_FALSE(prepare::is_foreground(-1000, "CT"));
  EXPECT_FALSE(prepare::is_foreground(-950, "CT"));
  EXPECT_TRUE(prepare::is_foreground(-949, "CT"));
  EXPECT_TRUE(prepare::is_foreground(0, "CT"));
  EXPECT_FALSE(prepare::is_foreground(0, "MR"));
  EXPECT_TRUE(prepare::is_foreground(-0.5, "MR"));
  EXPECT_FALSE(prepare::is_foreground(std::nan(""), "MR"));
  EXPECT_FALSE(prepare::is_foreground(INFINITY, "CT"));
}

TEST(Fingerprint, TheContentHoldsEveryForegroundVoxelAndEveryLabel) {
  volume::Case one = one_channel("a", picture({6, 7, 8}, {1, 1, 1}, [](auto d, auto h, auto w) {
                                   return d == 2 && (h == 3 || h == 4) && w == 5 ? 9.0 : 0.0;
                                 }));
  EXPECT_EQ(prepare::content_box(one), (volume::VoxelBox{{2, 3, 5}, {1, 2, 1}}));
  one.label_map.emplace(volume::Shape{6, 7, 8}, volume::VoxelType::kUInt8, one.reference().geometry);
  one.label_map->voxels<std::uint8_t>()[0] = 1;
  EXPECT_EQ(prepare::content_box(one), (volume::VoxelBox{{0, 0, 0}, {3, 5, 6}}));
  const volume::Case nothing = one_channel("b", picture({3, 4, 5}, {1, 1, 1}, [](auto, auto, auto) { return 0.0; }));
  EXPECT_EQ(prepare::content_box(nothing), (volume::VoxelBox{{0, 0, 0}, {3, 4, 5}}));
}

TEST(Fingerprint, AMarginIsMillimetresAndEndsAtTheGrid) {
  const volume::Grid grid{{{0, 0, 0}, {5, 1, 0.7}}, {10, 20, 30}};
  EXPECT_EQ(prepare::grown({{4, 2, 10}, {2, 3, 4}}, grid, 3), (volume::VoxelBox{{3, 0, 5}, {4, 8, 14}}));
}

TEST(Fingerprint, OfTwoCasesByHand) {
  const Scratch folder;
  std::vector<volume::Case> cases;
  // Foreground of a: 1 .. 7 (mean 4, deviation 2); of b: 10, ten times over.
  cases.push_back(one_channel("a", picture({2, 2, 2}, {2, 1, 1}, [](auto d, auto h, auto w) {
                                return static_cast<double>(4 * d + 2 * h + w);
                              })));
  cases.push_back(one_channel(
      "b", picture({1, 4, 4}, {3, 1, 1}, [](auto, auto h, auto w) { return 4 * h + w < 10 ? 10.0 : 0.0; })));
  cases[0].label_map.emplace(volume::Shape{2, 2, 2}, volume::VoxelType::kUInt8, cases[0].reference().geometry);
  cases[0].label_map->voxels<std::uint8_t>()[3] = 2;
  const Fingerprint found = fingerprint(stored(folder.path, cases));
  ASSERT_EQ(found.cases.size(), 2U);
  const prepare::ValueStatistics& a = found.cases[0].channels.at("T1");
  EXPECT_EQ(a.voxels, 7);
  EXPECT_EQ(a.lowest, 0);
  EXPECT_EQ(a.highest, 7);
  EXPECT_FALSE(a.two_values);
  EXPECT_DOUBLE_EQ(a.mean, 4);
  EXPECT_DOUBLE_EQ(a.deviation, 2);
  EXPECT_DOUBLE_EQ(a.median, 4);
  EXPECT_NEAR(a.percentile_00_5, 1.03, 1e-6);  // 0.005 of the way from 1 to 7
  EXPECT_NEAR(a.percentile_99_5, 6.97, 1e-6);
  const prepare::ValueStatistics& b = found.cases[1].channels.at("T1");
  EXPECT_TRUE(b.two_values);
  EXPECT_EQ(b.mean, 10);
  EXPECT_EQ(b.deviation, 0);
  ASSERT_EQ(found.channels.size(), 1U);
  EXPECT_EQ(found.channels[0].name, "T1");
  EXPECT_EQ(found.channels[0].modality, "MR");
  EXPECT_EQ(found.channels[0].cases, 2);
  EXPECT_FALSE(found.channels[0].values.two_values);
  EXPECT_DOUBLE_EQ(found.channels[0].values.mean, 128.0 / 17);
  EXPECT_EQ(found.cases[1].content, (volume::VoxelBox{{0, 0, 0}, {1, 3, 4}}));
  EXPECT_DOUBLE_EQ(found.class_share.at(2), 1.0 / 8);
  EXPECT_DOUBLE_EQ(found.class_share.at(0), 7.0 / 8);
}

TEST(Fingerprint, DoesNotDependOnTheNumberOfWorkers) {
  const Scratch folder;
  volume::PhantomOptions options;
  options.patients = 6;
  options.size = 24;
  options.channels = 2;
  std::vector<volume::Case> cases;
  for (std::int64_t i = 0; i < 6; ++i) cases.push_back(volume::phantom_case(options, i));
  const store::Reader reader = stored(folder.path, cases);
  const Fingerprint one = fingerprint(reader, {1, 500, "OT", {}}), many = fingerprint(reader, {5, 500, "OT", {}});
  ASSERT_EQ(one.channels.size(), 2U);
  for (std::size_t c = 0; c < 2; ++c) EXPECT_TRUE(same(one.channels[c].values, many.channels[c].values));
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(one.cases[i].id, many.cases[i].id);
    EXPECT_EQ(one.cases[i].content, many.cases[i].content);
    EXPECT_TRUE(same(one.cases[i].channels.at("T1"), many.cases[i].channels.at("T1")));
  }
  EXPECT_EQ(one.class_share, many.class_share);
  double sum = 0;
  for (const auto& [label, share] : one.class_share) sum += share;
  EXPECT_NEAR(sum, 1, 1e-12);
}

TEST(Fingerprint, AMaskIsKnownByItsTwoValuesInAllCases) {
  const Scratch folder;
  std::vector<volume::Case> cases;
  cases.push_back(
      one_channel("a", picture({2, 3, 4}, {1, 1, 1}, [](auto, auto, auto w) { return w > 1 ? 255. : 0.; })));
  cases.push_back(one_channel("b", picture({2, 3, 4}, {1, 1, 1}, [](auto, auto, auto) { return 0.; })));
  EXPECT_TRUE(fingerprint(stored(folder.path / "same", cases)).channels[0].values.two_values);
  cases.push_back(one_channel("c", picture({2, 3, 4}, {1, 1, 1}, [](auto, auto, auto w) { return w > 1 ? 1. : 0.; })));
  EXPECT_FALSE(fingerprint(stored(folder.path / "mixed", cases)).channels[0].values.two_values);
}

TEST(Fingerprint, ADamagedCaseCountsNowhereAndAStoreWithoutOneThatCanBeReadIsAnError) {
  const Scratch folder;
  std::vector<volume::Case> cases;
  cases.push_back(one_channel("a", picture({2, 2, 2}, {1, 1, 1}, [](auto d, auto, auto) { return d + 1.0; })));
  cases.push_back(one_channel("b", picture({2, 2, 2}, {1, 1, 1}, [](auto, auto, auto) { return std::nan(""); })));
  const Fingerprint found = fingerprint(stored(folder.path / "one", cases));
  EXPECT_EQ(found.cases[0].problem, "");
  EXPECT_NE(found.cases[1].problem.find("no finite voxel"), std::string::npos);
  EXPECT_EQ(found.channels[0].cases, 1);
  EXPECT_EQ(found.channels[0].values.highest, 2);
  cases.erase(cases.begin());
  EXPECT_THROW(fingerprint(stored(folder.path / "none", cases)), core::Error);
}

TEST(Fingerprint, EndsWhenAskedTo) {
  const Scratch folder;
  std::vector<volume::Case> cases;
  for (const char* id : {"a", "b", "c", "d"}) {
    cases.push_back(one_channel(id, picture({2, 2, 2}, {1, 1, 1}, [](auto d, auto, auto) { return d + 1.0; })));
  }
  const store::Reader reader = stored(folder.path, cases);
  std::atomic<int> seen = 0;
  try {
    fingerprint(reader, {1, 100, "OT", [&] { return ++seen < 2; }});
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kInterrupted);
  }
  EXPECT_EQ(seen, 2);
}

TEST(Fingerprint, AChannelOfNoKnownModalityIsTakenForWhatAPersonSays) {
  const Scratch folder;
  std::vector<volume::Case> cases;
  cases.push_back(
      one_channel("a", picture({4, 4, 4}, {1, 1, 1}, [](auto d, auto, auto) { return d == 2 ? 40. : -1000.; }), "OT"));
  const store::Reader reader = stored(folder.path, cases);
  EXPECT_EQ(fingerprint(reader).cases[0].channels.at("T1").voxels, 64);
  const Fingerprint ct = fingerprint(reader, {1, 100, "CT", {}});
  EXPECT_EQ(ct.channels[0].modality, "CT");
  EXPECT_EQ(ct.cases[0].channels.at("T1").voxels, 16);
  EXPECT_EQ(ct.cases[0].content, (volume::VoxelBox{{2, 0, 0}, {1, 4, 4}}));
  EXPECT_EQ(ct.channels[0].values.mean, 40);
}
