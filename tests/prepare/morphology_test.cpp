#include "prepare/morphology.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/rng.h"

using prepare::VoxelSet;

namespace {

VoxelSet random_set(const volume::Shape& shape, const std::array<double, 3>& spacing, double share, int seed) {
  core::Rng rng({static_cast<std::uint64_t>(seed), 0, 0, 0});
  VoxelSet result{shape, spacing, {}};
  for (std::int64_t i = 0; i < shape.voxels(); ++i) result.inside.push_back(rng.uniform(0, 1) < share);
  return result;
}

// One pair of voxels after the other.
VoxelSet grown_by_hand(const VoxelSet& from, double mm) {
  VoxelSet result = from;
  const volume::Shape& s = from.shape;
  const auto at = [&](std::int64_t i) {
    return volume::Index{static_cast<double>(i / (s.height * s.width)) * from.spacing_mm[0],
                         static_cast<double>(i / s.width % s.height) * from.spacing_mm[1],
                         static_cast<double>(i % s.width) * from.spacing_mm[2]};
  };
  for (std::int64_t i = 0; i < s.voxels(); ++i) {
    for (std::int64_t j = 0; j < s.voxels(); ++j) {
      if (from.inside[static_cast<std::size_t>(j)] == 0) continue;
      const volume::Index a = at(i), b = at(j);
      if (std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]) <= mm * (1 + 1e-9))
        result.inside[static_cast<std::size_t>(i)] = 1;
    }
  }
  return result;
}

VoxelSet outside_of(VoxelSet one) {
  for (std::uint8_t& voxel : one.inside) voxel = voxel == 0;
  return one;
}

// A picture of one slice from its rows: '#' is inside.
VoxelSet drawn(const std::vector<std::string>& rows) {
  VoxelSet result{
      {1, static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(rows[0].size())}, {1, 1, 1}, {}};
  for (const std::string& row : rows)
    for (const char c : row) result.inside.push_back(c == '#');
  return result;
}

std::int64_t count(const VoxelSet& one) { return std::ranges::count(one.inside, 1); }

}  // namespace

TEST(Morphology, GrowsAndShrinksAsThePlainReferenceInMillimetresOfAnySpacing) {
  int seed = 0;
  for (const auto& spacing : {std::array<double, 3>{1, 1, 1}, {10, 0.7, 1.3}, {0.05, 0.05, 0.1}, {2.5, 5, 0.4}}) {
    for (const double reach : {0.0, 1.0, 2.3, 6.0}) {
      const double mm = reach * *std::ranges::min_element(spacing);
      const VoxelSet few = random_set({5, 7, 9}, spacing, 0.05, ++seed);
      EXPECT_EQ(prepare::grown(few, mm).inside, grown_by_hand(few, mm).inside) << mm;
      const VoxelSet many = outside_of(few);
      EXPECT_EQ(prepare::shrunk(many, mm).inside, outside_of(grown_by_hand(few, mm)).inside) << mm;
    }
  }
}

TEST(Morphology, BeyondTheGridNothingIsOutside) {
  const VoxelSet all{{3, 4, 5}, {1, 1, 1}, std::vector<std::uint8_t>(60, 1)};
  EXPECT_EQ(count(prepare::shrunk(all, 100)), 60);
  const VoxelSet none{{3, 4, 5}, {1, 1, 1}, std::vector<std::uint8_t>(60, 0)};
  EXPECT_TRUE(none.empty());
  EXPECT_TRUE(prepare::grown(none, 100).empty());
  EXPECT_TRUE(prepare::large_parts(none, 0.5).empty());
  EXPECT_FALSE(all.empty());
}

TEST(Morphology, PartsAreJoinedByFacesAndKeptBySize) {
  const VoxelSet three = drawn({"##..#.#",  //
                                "##.#..#",  //
                                "#..###.", "......."});
  EXPECT_EQ(prepare::large_parts(three, 1).inside, drawn({"##.....", "##.....", "#......", "......."}).inside);
  EXPECT_EQ(prepare::large_parts(three, 0.8).inside, drawn({"##.....", "##.#...", "#..###.", "......."}).inside);
  EXPECT_EQ(prepare::large_parts(three, 0.4).inside, drawn({"##....#", "##.#..#", "#..###.", "......."}).inside);
  EXPECT_EQ(prepare::large_parts(three, 0.01).inside, three.inside);
  EXPECT_EQ(prepare::parts_with(three, drawn({"..#.#..", "......#", ".......", "......."})).inside,
            drawn({"....#.#", "......#", ".......", "......."}).inside);
  // A spiral: its ends are met long before what joins them.
  const VoxelSet spiral = drawn({"#######", "......#", "#####.#", "#...#.#", "#.###.#", "#.....#", "#######"});
  EXPECT_EQ(count(prepare::large_parts(spiral, 1)), count(spiral));
}

TEST(Morphology, AHoleIsWhatHasNoWayToTheBorderAlongTheAxesMarked) {
  VoxelSet ring = drawn({".....", ".###.", ".#.#.", ".###.", "....."});
  VoxelSet whole = ring;
  prepare::fill_holes(ring, {false, true, true});
  EXPECT_EQ(ring.inside, drawn({".....", ".###.", ".###.", ".###.", "....."}).inside);
  prepare::fill_holes(whole, {true, true, true});  // a single slice is open above and below
  EXPECT_EQ(count(whole), 8);
  VoxelSet cup = drawn({".#.#.", ".#.#.", ".###.", "....."});
  prepare::fill_holes(cup, {false, true, true});
  EXPECT_EQ(count(cup), 7);
}
