#include "volume/geometry.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/error.h"

using volume::Geometry;

namespace {

Geometry oblique() {
  const double c = std::cos(0.3), s = std::sin(0.3);
  Geometry g;
  g.origin_mm = {-20, 35, 7.5};
  g.spacing_mm = {3, 0.7, 0.9};
  g.direction = {{{0, -s, c}, {0, c, s}, {-1, 0, 0}}};
  return g;
}

}  // namespace

TEST(Geometry, WorldAndIndexAreInverse) {
  const Geometry g = oblique();
  const volume::Index index{4.5, -2, 17.25};
  const volume::Index back = g.index(g.world(index));
  for (std::size_t a = 0; a < 3; ++a) EXPECT_NEAR(back[a], index[a], 1e-12);
}

TEST(Geometry, PlacesAVoxelByHand) {
  Geometry g;
  g.origin_mm = {1, 2, 3};
  g.spacing_mm = {5, 0.5, 2};
  const volume::Point p = g.world({2, 4, 3});
  EXPECT_DOUBLE_EQ(p[0], 1 + 3 * 2.0);
  EXPECT_DOUBLE_EQ(p[1], 2 + 4 * 0.5);
  EXPECT_DOUBLE_EQ(p[2], 3 + 2 * 5.0);
}

TEST(Geometry, OrientationNamesTheSideEachAxisGrowsTowards) {
  EXPECT_EQ(volume::orientation(Geometry{}), "SPL");
  EXPECT_EQ(volume::orientation(oblique()), "SPR");
}

TEST(Geometry, RefusesSpacingAndDirectionsThatAreNoGrid) {
  for (const double bad : {0.0, -1.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    Geometry g;
    g.spacing_mm[1] = bad;
    EXPECT_THROW(g.check(), core::Error) << bad;
  }
  Geometry sheared;
  sheared.direction[0] = {0.1, 0, std::sqrt(1 - 0.01)};
  EXPECT_THROW(sheared.check(), core::Error);
  EXPECT_NO_THROW(oblique().check());
}

TEST(Geometry, SamePlaceSeesASmallRotationAtTheFarCorner) {
  const volume::Shape shape{100, 200, 200};
  Geometry a, b;
  EXPECT_TRUE(volume::same_place(a, b, shape));
  const double angle = 1e-3;
  b.direction[1] = {-std::sin(angle), std::cos(angle), 0};
  b.direction[2] = {std::cos(angle), std::sin(angle), 0};
  EXPECT_FALSE(volume::same_place(a, b, shape));
  b = a;
  b.origin_mm[0] += 0.005;
  EXPECT_TRUE(volume::same_place(a, b, shape));
}
