#include "evaluate/surface.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "evaluate/distance_transform.h"
#include "evaluate/overlap.h"
#include "golden.h"

using volume::Shape;
using volume::Volume;

namespace {

constexpr std::array<double, 3> kSpacing{3.0, 0.75, 1.25};
constexpr Shape kShape{12, 20, 18};

double total_area(const Volume& map) {
  double area = 0;
  for (const auto& element : evaluate::surface_elements(map, 1)) area += element.area_mm2;
  return area;
}

// All pairs of elements: what surface_scores must say, without a distance transform.
evaluate::SurfaceScores brute_force(const Volume& a, const Volume& b, double tolerance_mm) {
  const auto from = evaluate::surface_elements(a, 1), to = evaluate::surface_elements(b, 1);
  double within = 0, sum = 0, area = 0;
  std::array<double, 2> high{}, highest{};
  for (int side = 0; side < 2; ++side) {
    std::vector<std::pair<double, double>> all;
    double side_area = 0;
    for (const auto& p : side == 0 ? from : to) {
      double nearest = 1e300;
      for (const auto& q : side == 0 ? to : from) {
        double square = 0;
        for (std::size_t i = 0; i < 3; ++i)
          square += std::pow(static_cast<double>(p.cell[i] - q.cell[i]) * a.geometry.spacing_mm[i], 2);
        nearest = std::min(nearest, square);
      }
      all.emplace_back(std::sqrt(nearest), p.area_mm2);
      within += std::sqrt(nearest) <= tolerance_mm + 1e-5 ? p.area_mm2 : 0;
      sum += std::sqrt(nearest) * p.area_mm2;
      side_area += p.area_mm2;
    }
    std::sort(all.begin(), all.end());
    double below = 0;
    for (const auto& [distance, of] : all) {
      below += of;
      if (below >= 0.95 * side_area) {
        high[static_cast<std::size_t>(side)] = distance;
        break;
      }
    }
    highest[static_cast<std::size_t>(side)] = all.back().first;
    area += side_area;
  }
  return {within / area, std::max(high[0], high[1]), sum / area, std::max(highest[0], highest[1])};
}

void expect_same(const evaluate::SurfaceScores& a, const evaluate::SurfaceScores& b, double tolerance = 1e-5) {
  EXPECT_NEAR(a.surface_dice, b.surface_dice, tolerance);
  EXPECT_NEAR(a.hd95_mm, b.hd95_mm, tolerance);
  EXPECT_NEAR(a.assd_mm, b.assd_mm, tolerance);
  EXPECT_NEAR(a.hd_mm, b.hd_mm, tolerance);
}

}  // namespace

TEST(DistanceTransform, IsThatOfBruteForceOnAnisotropicGridsAndOfScipy) {
  const std::vector<double> u = Lcg(5).many(static_cast<std::size_t>(kShape.voxels()));
  std::vector<std::uint8_t> marked(u.size());
  std::vector<std::array<std::int64_t, 3>> points;
  for (std::size_t i = 0; i < u.size(); ++i) {
    marked[i] = u[i] < 0.004 ? 1 : 0;
    const auto n = static_cast<std::int64_t>(i);
    if (marked[i] != 0) points.push_back({n / (20 * 18), n / 18 % 20, n % 18});
  }
  ASSERT_EQ(static_cast<double>(points.size()), golden("edt.sum")[1]);
  const std::vector<float> squares = evaluate::squared_distances(marked, kShape, kSpacing);
  double sum = 0;
  for (std::int64_t i = 0; i < kShape.voxels(); ++i) {
    double nearest = 1e300;
    for (const auto& p : points) {
      const double d = static_cast<double>(i / (20 * 18) - p[0]) * 3.0,
                   h = static_cast<double>(i / 18 % 20 - p[1]) * 0.75, w = static_cast<double>(i % 18 - p[2]) * 1.25;
      nearest = std::min(nearest, d * d + h * h + w * w);
    }
    ASSERT_NEAR(squares[static_cast<std::size_t>(i)], nearest, 1e-5 * (1 + nearest)) << i;
    sum += std::sqrt(static_cast<double>(squares[static_cast<std::size_t>(i)]));
  }
  EXPECT_NEAR(sum, golden("edt.sum")[0], 1e-3);
  EXPECT_EQ(evaluate::squared_distances(marked, kShape, kSpacing, 3), squares);
}

TEST(DistanceTransform, NothingMarkedIsInfinitelyFarAndAllMarkedIsThere) {
  const std::vector<std::uint8_t> none(24), all(24, 1);
  for (const float d : evaluate::squared_distances(none, {2, 3, 4}, {1, 1, 1})) EXPECT_TRUE(std::isinf(d));
  for (const float d : evaluate::squared_distances(all, {2, 3, 4}, {1, 1, 1})) EXPECT_EQ(d, 0);
}

TEST(SurfaceElements, HaveTheAreasOfTheirPolygons) {
  const auto areas = evaluate::element_areas({1, 1, 1});
  EXPECT_EQ(areas[0], 0);
  EXPECT_EQ(areas[255], 0);
  EXPECT_NEAR(areas[1], std::sqrt(3) / 8, 1e-12);           // one corner: a triangle with sides of sqrt(1/2)
  EXPECT_NEAR(areas[0b11], std::sqrt(0.5), 1e-12);          // two neighbours: a rectangle of 1 x sqrt(1/2)
  EXPECT_NEAR(areas[0b1111], 1, 1e-12);                     // half of the cell: its cross-section
  EXPECT_NEAR(areas[0b10000001], std::sqrt(3) / 4, 1e-12);  // opposite corners: two triangles
  const auto stretched = evaluate::element_areas({3, 0.75, 1.25});
  EXPECT_NEAR(stretched[0b00001111], 0.75 * 1.25, 1e-12);  // below along d
  EXPECT_NEAR(stretched[0b00110011], 3 * 1.25, 1e-12);     // along h
  EXPECT_NEAR(stretched[0b01010101], 3 * 0.75, 1e-12);     // along w
  for (std::size_t corners = 0; corners < 256; ++corners) EXPECT_NEAR(areas[corners], areas[255 - corners], 1e-12);
  for (int rotated : {1, 2, 4, 8, 16, 32, 64, 128})
    EXPECT_NEAR(areas[static_cast<std::size_t>(rotated)], areas[1], 1e-12);
}

TEST(SurfaceElements, OfABallAddUpToNearlyTheBallsSurfaceWhateverTheSliceThickness) {
  const double radius = 12, sphere = 4 * std::numbers::pi * radius * radius;
  for (const double thick : {1.0, 2.0}) {
    const double slices = radius / thick;
    const Volume ball = ellipsoid({28, 28, 28}, {thick, 1, 1}, {13.5, 13.5, 13.5}, {slices, radius, radius});
    EXPECT_NEAR(total_area(ball) / sphere, 1.08, 0.05) << thick;  // half-way vertices leave steps
  }
}

TEST(SurfaceDistance, TwoPlatesStandTheirGapApart) {
  const auto plate = [](std::int64_t from, std::int64_t to) {
    return map_of({20, 30, 30}, {2, 1, 1}, [=](std::int64_t d, auto, auto) { return d >= from && d < to ? 1 : 0; });
  };
  const auto scores = evaluate::surface_scores(plate(5, 10), plate(5, 13), 1, 1.0);
  EXPECT_DOUBLE_EQ(scores.hd_mm, 6.0);  // 3 slices of 2 mm
  EXPECT_DOUBLE_EQ(scores.hd95_mm, 6.0);
  const auto moved = evaluate::surface_scores(plate(5, 10), plate(6, 11), 1, 2.0);
  EXPECT_EQ(moved.surface_dice, 1);  // a tie with the tolerance is within it
  EXPECT_DOUBLE_EQ(moved.hd95_mm, 2.0);
}

TEST(SurfaceDistance, HandValuesOfTwoSingleVoxels) {
  // Each has eight equal elements, half a voxel to either side: at w = 1.5, 2.5 and at 4.5, 5.5.
  const auto voxel = [](std::int64_t at) {
    return map_of({3, 3, 8}, {5, 4, 2},
                  [=](std::int64_t d, std::int64_t h, std::int64_t w) { return d == 1 && h == 1 && w == at ? 1 : 0; });
  };
  const auto scores = evaluate::surface_scores(voxel(2), voxel(5), 1, 4.0);
  EXPECT_DOUBLE_EQ(scores.surface_dice, 0.5);  // the inner halves are 2 x 2 mm apart, the outer 3 x 2 mm
  EXPECT_DOUBLE_EQ(scores.hd95_mm, 6.0);
  EXPECT_DOUBLE_EQ(scores.assd_mm, 5.0);
}

TEST(SurfaceDistance, IsThatOfAllPairs) {
  for (std::uint32_t seed = 1; seed <= 4; ++seed) {
    Lcg u(seed);
    const auto blob = [&] {
      return ellipsoid(kShape, kSpacing, {4 + u() * 4, 7 + u() * 6, 6 + u() * 6},
                       {2 + u() * 3, 3 + u() * 5, 3 + u() * 5});
    };
    const Volume a = blob(), b = blob();
    expect_same(evaluate::surface_scores(a, b, 1, 1.25), brute_force(a, b, 1.25));
  }
}

TEST(SurfaceDistance, IsThatOfThePublishedImplementation) {
  const auto compare = [](const char* name, const Volume& a, const Volume& b) {
    const std::vector<double> peer = golden(std::string("surface.") + name);
    ASSERT_EQ(peer.size(), 8U);
    const auto at_1 = evaluate::surface_scores(b, a, 1, 1.0), at_3 = evaluate::surface_scores(b, a, 1, 3.0);
    EXPECT_NEAR(evaluate::dice(b, a, 1), peer[0], 1e-12) << name;
    EXPECT_NEAR(at_1.surface_dice, peer[1], 2e-3) << name;
    EXPECT_NEAR(at_3.surface_dice, peer[2], 2e-3) << name;
    EXPECT_NEAR(at_1.hd95_mm, peer[3], 1e-5) << name;
    EXPECT_NEAR(at_1.hd_mm, peer[4], 1e-5) << name;
    EXPECT_NEAR(at_1.assd_mm, peer[5], 0.01 * peer[5]) << name;
    // Bent polygons are cut into triangles from their centre here, from one of their corners there.
    EXPECT_NEAR(total_area(a), peer[6], 0.03 * peer[6]) << name;
    EXPECT_NEAR(total_area(b), peer[7], 0.03 * peer[7]) << name;
  };
  const auto ball = [](std::array<double, 3> centre, std::array<double, 3> radii) {
    return ellipsoid(kShape, kSpacing, centre, radii);
  };
  compare("shifted", ball({5, 9, 8}, {4, 6, 5}), ball({6, 10, 9}, {4, 6, 5}));
  compare("inside", ball({5, 9, 8}, {4, 7, 6}), ball({5, 9, 8}, {2, 4, 3}));
  compare("apart", ball({3, 4, 4}, {2, 3, 3}), ball({8, 14, 13}, {2, 3, 3}));
  compare("border", ball({0, 0, 0}, {5, 9, 8}), ball({1, 0, 1}, {4, 9, 8}));
}

TEST(SurfaceDistance, IsSymmetricAndFollowsNeitherAShiftOfTheImageNorItsPlaceInTheWorld) {
  const Volume a = ellipsoid(kShape, kSpacing, {5, 9, 8}, {3, 5, 4}),
               b = ellipsoid(kShape, kSpacing, {5, 11, 8}, {4, 5, 6});
  const auto scores = evaluate::surface_scores(a, b, 1, 1.0);
  expect_same(scores, evaluate::surface_scores(b, a, 1, 1.0), 0);
  expect_same(scores, evaluate::surface_scores(a, b, 1, 1.0, 2), 0);
  const Shape wide{16, 26, 22};
  Volume a_moved = ellipsoid(wide, kSpacing, {9, 13, 10}, {3, 5, 4}),
         b_moved = ellipsoid(wide, kSpacing, {9, 15, 10}, {4, 5, 6});
  for (Volume* map : {&a_moved, &b_moved}) {
    map->geometry.origin_mm = {-80, 12, 300};
    std::swap(map->geometry.direction[1], map->geometry.direction[2]);
  }
  expect_same(scores, evaluate::surface_scores(a_moved, b_moved, 1, 1.0), 1e-9);
  const auto self = evaluate::surface_scores(a, a, 1, 0.0);
  expect_same(self, {1, 0, 0, 0}, 0);
}

TEST(SurfaceDistance, GrowsWithTheSpacing) {
  const auto pair = [](double scale) {
    const std::array<double, 3> spacing{3 * scale, 0.75 * scale, 1.25 * scale};
    return evaluate::surface_scores(ellipsoid(kShape, spacing, {5, 9, 8}, {3, 5, 4}),
                                    ellipsoid(kShape, spacing, {5, 11, 8}, {4, 5, 6}), 1, scale);
  };
  const auto one = pair(1), two = pair(2);
  EXPECT_NEAR(two.hd95_mm, 2 * one.hd95_mm, 1e-5);
  EXPECT_NEAR(two.assd_mm, 2 * one.assd_mm, 1e-5);
  EXPECT_NEAR(two.surface_dice, one.surface_dice, 1e-9);
}

TEST(SurfaceDistance, OfAnAbsentStructureIsSaidAndNotInvented) {
  const Volume empty = map_of(kShape, kSpacing, [](auto...) { return 0; });
  const Volume there = ellipsoid(kShape, kSpacing, {5, 9, 8}, {3, 5, 4});
  const auto none = evaluate::surface_scores(empty, empty, 1, 1.0);
  EXPECT_TRUE(std::isnan(none.surface_dice) && std::isnan(none.hd95_mm) && std::isnan(none.assd_mm));
  for (const auto& one :
       {evaluate::surface_scores(empty, there, 1, 1.0), evaluate::surface_scores(there, empty, 1, 1.0)}) {
    EXPECT_EQ(one.surface_dice, 0);
    EXPECT_TRUE(std::isinf(one.hd95_mm) && std::isinf(one.assd_mm));
  }
}
