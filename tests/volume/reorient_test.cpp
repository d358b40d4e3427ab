#include "volume/reorient.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "core/error.h"

using volume::Geometry;
using volume::Shape;
using volume::Turn;
using volume::Volume;
using volume::VoxelType;

namespace {

Geometry oblique() {
  const double c = std::cos(0.3), s = std::sin(0.3);
  Geometry g;
  g.origin_mm = {-20, 35, 7.5};
  g.spacing_mm = {3, 0.7, 0.9};
  g.direction = {{{0, -s, c}, {0, c, s}, {-1, 0, 0}}};
  return g;
}

// Every voxel holds its own number.
template <class T>
Volume numbered(const Shape& shape, const Geometry& geometry) {
  Volume v(shape, volume::voxel_type_of<T>(), geometry);
  T next{};
  for (T& voxel : v.voxels<T>()) voxel = next++;
  return v;
}

bool same_bytes(const Volume& a, const Volume& b) {
  return a.shape() == b.shape() && a.bytes().size() == b.bytes().size() &&
         std::memcmp(a.bytes().data(), b.bytes().data(), a.bytes().size()) == 0;
}

std::vector<std::string> all_orientations() {
  std::vector<std::string> all;
  for (const char* letters : {"LPS", "LSP", "PLS", "PSL", "SLP", "SPL"}) {
    for (int flips = 0; flips < 8; ++flips) {
      std::string name = letters;
      for (std::size_t a = 0; a < 3; ++a) {
        if ((flips >> a) & 1) name[a] = name[a] == 'L' ? 'R' : name[a] == 'P' ? 'A' : 'I';
      }
      all.push_back(name);
    }
  }
  return all;
}

}  // namespace

TEST(Reorient, TurnsAPictureByHand) {
  // d: S, h: P, w: L; the numbers run 0 1 2 | 3 4 5 towards the left.
  const Volume source = numbered<std::uint8_t>({1, 2, 3}, Geometry{});
  const Volume turned = volume::reorient(source, "RPS");
  EXPECT_TRUE((turned.shape() == Shape{3, 2, 1}));
  const std::vector<int> wanted{2, 5, 1, 4, 0, 3};
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(turned.voxels<std::uint8_t>()[i], wanted[i]) << i;
  EXPECT_EQ(turned.geometry.origin_mm, (volume::Point{2, 0, 0}));
  EXPECT_EQ(volume::orientation(turned.geometry), "RPS");
}

TEST(Reorient, ALandmarkKeepsItsWorldPositionInAll48Orientations) {
  Volume source = numbered<std::int16_t>({3, 4, 5}, oblique());
  source.scale = 2;
  source.offset = -7;
  const std::int16_t landmark = (1 * 4 + 3) * 5 + 2;
  const volume::Point before = source.geometry.world({1, 3, 2});
  for (const std::string& name : all_orientations()) {
    SCOPED_TRACE(name);
    const Volume turned = volume::reorient(source, name);
    EXPECT_EQ(volume::orientation(turned.geometry), name);
    EXPECT_EQ(turned.scale, 2);
    EXPECT_EQ(turned.offset, -7);
    std::int64_t found = -1;
    for (std::int64_t i = 0; i < 60; ++i) {
      if (turned.voxels<std::int16_t>()[static_cast<std::size_t>(i)] == landmark) found = i;
    }
    const std::int64_t width = turned.shape().width, height = turned.shape().height;
    const volume::Point after =
        turned.geometry.world({static_cast<double>(found / width / height), static_cast<double>(found / width % height),
                               static_cast<double>(found % width)});
    for (std::size_t c = 0; c < 3; ++c) EXPECT_NEAR(after[c], before[c], 1e-9);
    EXPECT_TRUE(same_bytes(volume::reorient(turned, "SPR"), source)) << "there and back";
  }
}

TEST(Reorient, TheInverseTurnUndoesEveryVoxelType) {
  const Turn turn{{2, 0, 1}, {true, false, true}};
  EXPECT_EQ(turn.inverse().inverse(), turn);
  const auto round_trip = [&]<class T>(T) {
    const Volume source = numbered<T>({2, 3, 4}, oblique());
    const Volume back = volume::turned(volume::turned(source, turn), turn.inverse());
    EXPECT_TRUE(same_bytes(back, source)) << volume::name(source.type());
    EXPECT_TRUE(volume::same_place(back.geometry, source.geometry, source.shape(), 1e-9));
  };
  for (int type = 0; type < 8; ++type) volume::with_type(static_cast<VoxelType>(type), round_trip);
}

TEST(Reorient, AnObliqueGridUsesEveryAxisOnce) {
  Geometry g;  // both h and w lean 45 degrees between left and posterior
  const double r = std::sqrt(0.5);
  g.direction = {{{0, 0, 1}, {r, r, 0}, {-r, r, 0}}};
  const Turn turn = volume::turn_towards(g, "PLS");
  std::array<int, 3> times{};
  for (const int axis : turn.from) ++times[static_cast<std::size_t>(axis)];
  EXPECT_EQ(times, (std::array<int, 3>{1, 1, 1}));
}

TEST(Reorient, RefusesWordsThatAreNoOrientation) {
  for (const char* bad : {"", "SP", "SPLX", "SPP", "LRS", "spl", "XYZ"}) {
    try {
      volume::turn_towards(Geometry{}, bad);
      ADD_FAILURE() << bad;
    } catch (const core::Error& error) {
      EXPECT_EQ(error.exit(), core::Exit::kUsage) << bad;
    }
  }
}

TEST(Crop, KeepsWhatItKeepsWhereItWas) {
  const Volume source = numbered<std::int32_t>({3, 4, 5}, oblique());
  const Volume part = volume::crop(source, {{1, 2, 1}, {2, 2, 3}});
  EXPECT_EQ(part.voxels<std::int32_t>()[0], (1 * 4 + 2) * 5 + 1);
  EXPECT_EQ(part.voxels<std::int32_t>()[11], (2 * 4 + 3) * 5 + 3);
  const volume::Point before = source.geometry.world({2, 3, 3}), after = part.geometry.world({1, 1, 2});
  for (std::size_t c = 0; c < 3; ++c) EXPECT_NEAR(after[c], before[c], 1e-12);
}

TEST(Crop, RefusesABoxThatReachesOut) {
  const Volume source = numbered<std::uint8_t>({3, 4, 5}, Geometry{});
  EXPECT_THROW(volume::crop(source, {{-1, 0, 0}, {1, 1, 1}}), core::Error);
  EXPECT_THROW(volume::crop(source, {{0, 0, 3}, {3, 4, 3}}), core::Error);
  EXPECT_THROW(volume::crop(source, {{0, 0, 0}, {3, 0, 5}}), core::Error);
  EXPECT_THROW(volume::crop(source, {{INT64_MAX, 0, 0}, {3, 4, 5}}), core::Error);
}
