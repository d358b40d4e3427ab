#include "volume/resample.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <numbers>
#include <set>

#include "core/error.h"
#include "core/rng.h"
#include "volume/reorient.h"

using volume::Geometry;
using volume::Grid;
using volume::Interpolation;
using volume::ResampleOptions;
using volume::Shape;
using volume::Volume;
using volume::VoxelType;

namespace {

constexpr std::array kSmooth{Interpolation::kLinear, Interpolation::kCubic};

Geometry oblique() {
  const double c = std::cos(0.3), s = std::sin(0.3);
  Geometry g;
  g.origin_mm = {-20, 35, 7.5};
  g.spacing_mm = {3, 0.7, 0.9};
  g.direction = {{{0, -s, c}, {0, c, s}, {-1, 0, 0}}};
  return g;
}

Volume painted(const Shape& shape, const Geometry& geometry, const std::function<double(const volume::Point&)>& value) {
  Volume v(shape, VoxelType::kFloat32, geometry);
  std::size_t i = 0;
  for (std::int64_t d = 0; d < shape.depth; ++d) {
    for (std::int64_t h = 0; h < shape.height; ++h) {
      for (std::int64_t w = 0; w < shape.width; ++w) {
        v.voxels<float>()[i++] = static_cast<float>(
            value(geometry.world({static_cast<double>(d), static_cast<double>(h), static_cast<double>(w)})));
      }
    }
  }
  return v;
}

Volume row(const std::vector<float>& values) {
  Volume v({1, 1, static_cast<std::int64_t>(values.size())}, VoxelType::kFloat32, Geometry{});
  std::ranges::copy(values, v.voxels<float>().begin());
  return v;
}

// The row sampled at these positions, in voxels; positions are evenly spaced.
std::vector<float> sampled(const Volume& source, double first, double step, std::int64_t count,
                           const ResampleOptions& options) {
  Grid grid{source.geometry, {1, 1, count}};
  grid.geometry.origin_mm = source.geometry.world({0, 0, first});
  grid.geometry.spacing_mm[2] = step;
  const Volume result = volume::resample(source, grid, options);
  const std::span<const float> out = result.voxels<float>();
  return {out.begin(), out.end()};
}

// A fine grid turned by 17 degrees inside the oblique one.
Grid askew_inside(const Geometry& g) {
  const double c = std::cos(0.3), s = std::sin(0.3);
  Grid grid;
  grid.shape = {5, 6, 7};
  grid.geometry.spacing_mm = {1.1, 0.5, 0.6};
  grid.geometry.direction = {{{0, 0, 1}, {s, c, 0}, {c, -s, 0}}};
  grid.geometry.origin_mm = g.world({3, 4, 12});
  return grid;
}

}  // namespace

TEST(Resample, LinearBetweenTwoVoxelsByHand) {
  const std::vector<float> out = sampled(row({0, 10, 30}), -0.5, 0.25, 11, {});
  const std::vector<float> wanted{0, 0, 0, 2.5, 5, 7.5, 10, 15, 20, 25, 30};
  ASSERT_EQ(out.size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) EXPECT_NEAR(out[i], wanted[i], 1e-5) << i;
}

TEST(Resample, CubicGoesThroughTheSamplesAndBulgesByHand) {
  // Mirrored coefficients c0 c1 c2 c1 c0 with 4c0 + 2c1 = 0, c0 + 4c1 + c2 = 0, 2c1 + 4c2 = 6: 1/4, -1/2, 7/4.
  // Halfway between two voxels the four weights are 1/48, 23/48, 23/48, 1/48.
  const Volume source = row({0, 0, 1, 0, 0});
  ResampleOptions cubic{.interpolation = Interpolation::kCubic};
  const std::vector<float> at = sampled(source, 0, 1, 5, cubic);
  for (std::size_t i = 0; i < 5; ++i) EXPECT_NEAR(at[i], i == 2 ? 1 : 0, 1e-6) << i;
  const double half = (-0.5 + 23 * 1.75 + 23 * -0.5 + 0.25) / 48;
  EXPECT_NEAR(sampled(source, 1.5, 1, 1, cubic)[0], half, 1e-6);
  EXPECT_NEAR(sampled(source, 2.5, 1, 1, cubic)[0], half, 1e-6);
}

TEST(Resample, ConstantStaysConstantInEveryWay) {
  const Volume source = painted({8, 40, 40}, oblique(), [](const volume::Point&) { return -41.5; });
  for (const Interpolation way : {Interpolation::kNearest, Interpolation::kLinear, Interpolation::kCubic}) {
    for (const bool smooth : {false, true}) {
      const ResampleOptions options{.interpolation = way, .anti_alias = smooth};
      const Volume coarse = volume::resample_to_spacing(source, {4.1, 2.3, 2.9}, options);
      for (const float v : coarse.voxels<float>()) ASSERT_NEAR(v, -41.5, 1e-4);
      const Volume askew = volume::resample(source, askew_inside(source.geometry), options);
      for (const float v : askew.voxels<float>()) ASSERT_NEAR(v, -41.5, 1e-4);
    }
  }
}

TEST(Resample, ALinearRampOfTheWorldIsExactOnAnyGrid) {
  const auto ramp = [](const volume::Point& p) { return 3 + 0.5 * p[0] - 2 * p[1] + 0.25 * p[2]; };
  const Volume source = painted({8, 40, 40}, oblique(), ramp);
  const Grid askew = askew_inside(source.geometry);
  const Volume wanted = painted(askew.shape, askew.geometry, ramp);
  const Volume got = volume::resample(source, askew, {});
  for (std::size_t i = 0; i < 210; ++i) ASSERT_NEAR(got.voxels<float>()[i], wanted.voxels<float>()[i], 1e-4);
  // Cubic mirrors at the ends; far from them the ramp is straight.
  Grid middle{source.geometry, {1, 9, 9}};
  middle.geometry.origin_mm = source.geometry.world({3.5, 16.3, 16.7});
  middle.geometry.spacing_mm = {1, 0.31, 0.4};
  const Volume expected = painted(middle.shape, middle.geometry, ramp);
  const Volume cubic = volume::resample(source, middle, {.interpolation = Interpolation::kCubic});
  for (std::size_t i = 0; i < 81; ++i) ASSERT_NEAR(cubic.voxels<float>()[i], expected.voxels<float>()[i], 2e-2);
}

TEST(Resample, CubicFollowsASmoothWaveBetterThanLinear) {
  const auto wave = [](const volume::Point& p) { return std::sin(p[0] * 0.8) * std::cos(p[1] * 0.6); };
  const Volume source = painted({3, 40, 40}, Geometry{}, wave);
  Grid grid{Geometry{}, {1, 50, 50}};
  grid.geometry.origin_mm = {10, 10, 1};
  grid.geometry.spacing_mm = {1, 0.37, 0.37};
  const Volume wanted = painted(grid.shape, grid.geometry, wave);
  std::array<double, 2> worst{};
  for (std::size_t way = 0; way < 2; ++way) {
    const Volume got = volume::resample(source, grid, {.interpolation = kSmooth[way]});
    for (std::size_t i = 0; i < 2500; ++i) {
      worst[way] = std::max<double>(worst[way], std::abs(got.voxels<float>()[i] - wanted.voxels<float>()[i]));
    }
  }
  EXPECT_LT(worst[1], 0.01);
  EXPECT_GT(worst[0], 0.05);
}

TEST(Resample, ALandmarkKeepsItsWorldPosition) {
  Geometry g = oblique();
  const volume::Point landmark = g.world({3.2, 18.4, 21.1});
  const auto blob = [&](const volume::Point& p) {
    return std::exp(
        -0.5 * (std::pow(p[0] - landmark[0], 2) + std::pow(p[1] - landmark[1], 2) + std::pow(p[2] - landmark[2], 2)) /
        4.0);
  };
  const Volume source = painted({8, 40, 40}, g, blob);
  const Volume turned = volume::reorient(source, "RIA");
  for (const Interpolation way : kSmooth) {
    const Volume got = volume::resample_to_spacing(turned, {1.3, 0.8, 1.1}, {.interpolation = way});
    volume::Point centre{};
    double mass = 0;
    std::size_t i = 0;
    for (std::int64_t d = 0; d < got.shape().depth; ++d) {
      for (std::int64_t h = 0; h < got.shape().height; ++h) {
        for (std::int64_t w = 0; w < got.shape().width; ++w, ++i) {
          const volume::Point p =
              got.geometry.world({static_cast<double>(d), static_cast<double>(h), static_cast<double>(w)});
          for (std::size_t c = 0; c < 3; ++c) centre[c] += p[c] * static_cast<double>(got.voxels<float>()[i]);
          mass += static_cast<double>(got.voxels<float>()[i]);
        }
      }
    }
    for (std::size_t c = 0; c < 3; ++c) EXPECT_NEAR(centre[c] / mass, landmark[c], 0.05);
  }
}

TEST(Resample, ParallelAndObliquePathsAgree) {
  core::Rng rng({5, 0, 0, 0});
  const Volume source = painted({6, 12, 14}, oblique(), [&](const volume::Point&) { return rng.normal(); });
  Grid grid{volume::turned(source.geometry, source.shape(), {{2, 0, 1}, {true, false, true}}), {9, 5, 10}};
  grid.geometry.spacing_mm = {1.2, 2.7, 0.55};
  Grid nudged = grid;  // enough to be called oblique, too little to see
  const double angle = 4e-4;
  for (std::size_t c = 0; c < 3; ++c) {
    nudged.geometry.direction[0][c] =
        std::cos(angle) * grid.geometry.direction[0][c] + std::sin(angle) * grid.geometry.direction[1][c];
    nudged.geometry.direction[1][c] =
        std::cos(angle) * grid.geometry.direction[1][c] - std::sin(angle) * grid.geometry.direction[0][c];
  }
  for (const Interpolation way : kSmooth) {
    const Volume a = volume::resample(source, grid, {.interpolation = way, .outside = 9});
    const Volume b = volume::resample(source, nudged, {.interpolation = way, .outside = 9, .threads = 3});
    for (std::size_t i = 0; i < 450; ++i) ASSERT_NEAR(a.voxels<float>()[i], b.voxels<float>()[i], 0.03);
  }
}

TEST(Resample, TheSameGridReturnsTheSameVoxels) {
  Volume source({4, 5, 6}, VoxelType::kInt16, oblique());
  core::Rng rng({1, 2, 0, 0});
  for (std::int16_t& v : source.voxels<std::int16_t>()) v = static_cast<std::int16_t>(rng.below(4000));
  source.scale = 0.5;
  source.offset = -1024;
  for (const Interpolation way :
       {Interpolation::kNearest, Interpolation::kLinear, Interpolation::kCubic, Interpolation::kLabel}) {
    const Volume same =
        volume::resample(source, {source.geometry, source.shape()}, {.interpolation = way, .anti_alias = true});
    EXPECT_EQ(std::memcmp(same.bytes().data(), source.bytes().data(), source.bytes().size()), 0);
    EXPECT_EQ(same.scale, 0.5);
    EXPECT_EQ(same.offset, -1024);
  }
}

TEST(Resample, LabelsStayInTheirSetAndKeepTheirVolume) {
  Volume labels({30, 30, 30}, VoxelType::kUInt8, Geometry{});
  std::size_t i = 0, before = 0;
  for (int d = 0; d < 30; ++d) {
    for (int h = 0; h < 30; ++h) {
      for (int w = 0; w < 30; ++w, ++i) {
        const double r = std::hypot(d - 14.5, h - 14.5, w - 14.5);
        labels.voxels<std::uint8_t>()[i] = r < 6 ? 200 : r < 11 ? 3 : 0;
        before += r < 6;
      }
    }
  }
  for (const Interpolation way : {Interpolation::kNearest, Interpolation::kLabel}) {
    const Volume fine = volume::resample_to_spacing(labels, {0.7, 0.45, 0.6}, {.interpolation = way});
    std::set<int> seen;
    std::size_t after = 0;
    for (const std::uint8_t v : fine.voxels<std::uint8_t>()) {
      seen.insert(v);
      after += v == 200;
    }
    EXPECT_EQ(seen, (std::set<int>{0, 3, 200}));
    EXPECT_NEAR(static_cast<double>(after) * 0.7 * 0.45 * 0.6, static_cast<double>(before),
                0.03 * static_cast<double>(before));
  }
}

TEST(Resample, TheClassWithMostWeightWinsAndTiesGoToTheNearestVoxel) {
  Volume labels({1, 2, 2}, VoxelType::kUInt8, Geometry{});
  const std::array<std::uint8_t, 4> values{7, 2, 5, 2};
  std::ranges::copy(values, labels.voxels<std::uint8_t>().begin());
  const auto at = [&](double h, double w) {
    Grid grid{Geometry{}, {1, 1, 1}};
    grid.geometry.origin_mm = {w, h, 0};
    return int{volume::resample(labels, grid, {.interpolation = Interpolation::kLabel}).voxels<std::uint8_t>()[0]};
  };
  EXPECT_EQ(at(0.3, 0.4), 7);    // 7: .42, 2: .4, 5: .18
  EXPECT_EQ(at(0.45, 0.45), 2);  // 7: .3025 is the nearest, 2: .45 has more
  EXPECT_EQ(at(0.2, 0.5), 2);    // 7: .4, 2: .5
}

TEST(Resample, AntiAliasRemovesWhatTheCoarseGridCannotShow) {
  // One cycle in 2.5 voxels, sampled every 4: without smoothing it folds back at full strength.
  std::vector<float> wave(200);
  for (std::size_t i = 0; i < wave.size(); ++i) {
    wave[i] = static_cast<float>(std::sin(2 * std::numbers::pi * static_cast<double>(i) / 2.5 + 0.4));
  }
  const auto strength = [&](bool smooth) {
    const std::vector<float> out = sampled(row(wave), 20, 4, 40, {.anti_alias = smooth});
    double sum = 0;
    for (const float v : out) sum += static_cast<double>(v) * static_cast<double>(v);
    return std::sqrt(sum / 40);
  };
  EXPECT_GT(strength(false), 0.5);
  EXPECT_LT(strength(true), 0.03);
}

TEST(Resample, AntiAliasAveragesNoise) {
  core::Rng rng({3, 0, 0, 0});
  const Volume source = painted({24, 24, 24}, Geometry{}, [&](const volume::Point&) { return rng.normal(); });
  const auto deviation = [&](bool smooth) {
    const Volume coarse = volume::resample_to_spacing(source, {3, 3, 3}, {.anti_alias = smooth});
    double sum = 0;
    for (const float v : coarse.voxels<float>()) sum += static_cast<double>(v) * static_cast<double>(v);
    return std::sqrt(sum / static_cast<double>(coarse.shape().voxels()));
  };
  EXPECT_GT(deviation(false), 0.8);
  EXPECT_LT(deviation(true), 0.25);
}

TEST(Resample, OutsideIsTheValueAPersonMeans) {
  Volume ct({1, 1, 2}, VoxelType::kInt16, Geometry{});
  ct.scale = 2;
  ct.offset = -1000;
  ct.voxels<std::int16_t>()[0] = 500;
  ct.voxels<std::int16_t>()[1] = 600;
  Grid grid{Geometry{}, {1, 1, 4}};
  grid.geometry.origin_mm[0] = -1;
  for (const Interpolation way : {Interpolation::kNearest, Interpolation::kLinear, Interpolation::kCubic}) {
    const Volume wide = volume::resample(ct, grid, {.interpolation = way, .outside = -900});
    const std::array<std::int16_t, 4> wanted{50, 500, 600, 50};
    for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(wide.voxels<std::int16_t>()[i], wanted[i]) << i;
  }
}

TEST(Resample, AnOutsideValueHasToFitOnlyWhereItIsNeeded) {
  Volume small({1, 1, 2}, VoxelType::kUInt8, Geometry{});
  small.offset = 10;  // 0 would be stored as -10
  EXPECT_NO_THROW(volume::resample(small, {Geometry{}, {1, 1, 2}}));
  EXPECT_THROW(volume::resample(small, {Geometry{}, {1, 1, 4}}), core::Error);
}

TEST(Resample, IntegersAreRoundedAndClampedNotWrapped) {
  Volume v({1, 1, 6}, VoxelType::kUInt8, Geometry{});
  const std::array<std::uint8_t, 6> edge{0, 0, 0, 255, 255, 255};
  std::ranges::copy(edge, v.voxels<std::uint8_t>().begin());
  Grid grid{Geometry{}, {1, 1, 21}};
  grid.geometry.spacing_mm[2] = 0.25;
  const Volume fine = volume::resample(v, grid, {.interpolation = Interpolation::kCubic});
  const std::span<const std::uint8_t> out = fine.voxels<std::uint8_t>();
  for (std::size_t i = 1; i < out.size(); ++i) EXPECT_GE(out[i] + 40, out[i - 1]) << i;  // a wrap would fall by 200
  EXPECT_NEAR(out[10], 127.5, 1);
}

TEST(Grid, KeepsTheCentreAndStaysInsideTheOldExtent) {
  const Geometry g = oblique();
  const Shape shape{11, 53, 40};
  const Grid grid = volume::grid_with_spacing(g, shape, {1.7, 0, 2.5});
  EXPECT_EQ(grid.shape, (Shape{19, 53, 14}));  // 33 / 1.7 = 19.4, kept, 36 / 2.5 = 14.4
  const volume::Point before = g.world({5, 26, 19.5}), after = grid.geometry.world({9, 26, 6.5});
  for (std::size_t c = 0; c < 3; ++c) EXPECT_NEAR(after[c], before[c], 1e-9);
  const volume::Index first = g.index(grid.geometry.origin_mm);
  for (const double i : first) EXPECT_GT(i, -0.5 - 1e-9);
  EXPECT_EQ(volume::grid_with_spacing(g, shape, {900, 0.7, 0.9}).shape, (Shape{1, 53, 40}));
  EXPECT_THROW(volume::grid_with_spacing(g, shape, {-1, 1, 1}), core::Error);
  EXPECT_THROW(volume::grid_with_spacing(g, shape, {std::nan(""), 1, 1}), core::Error);
}

TEST(Resample, RefusesWhatItCannotDo) {
  EXPECT_THROW(volume::resample(Volume{}, {Geometry{}, {1, 1, 1}}), core::Error);
  const Volume fractions({2, 2, 2}, VoxelType::kFloat32, Geometry{});
  EXPECT_THROW(volume::resample(fractions, {Geometry{}, {2, 2, 2}}, {.interpolation = Interpolation::kLabel}),
               core::Error);
  EXPECT_THROW(volume::interpolation_named("lanczos"), core::Error);
  EXPECT_EQ(volume::interpolation_named("label"), Interpolation::kLabel);
}

TEST(Resample, VoxelsOfEveryTypeAndAnyThreadsAreThoseOfDoublePrecision) {
  for (const VoxelType type :
       {VoxelType::kUInt8, VoxelType::kInt8, VoxelType::kUInt16, VoxelType::kInt16, VoxelType::kFloat32}) {
    Volume source({9, 17, 35}, type, Geometry{}), wide({9, 17, 35}, VoxelType::kFloat64, Geometry{});
    core::Rng rng({4, 4, 0, 0});
    volume::with_type(type, [&]<class T>(T) {
      for (std::size_t i = 0; i < wide.voxels<double>().size(); ++i) {
        source.voxels<T>()[i] = static_cast<T>(rng.below(100));
        wide.voxels<double>()[i] = static_cast<double>(source.voxels<T>()[i]);
      }
    });
    for (const std::array<double, 3> spacing : {std::array{0.7, 1.0, 1.43}, std::array{2.1, 0.6, 0.9}}) {
      Grid grid = volume::grid_with_spacing(source.geometry, source.shape(), spacing);
      grid.geometry.origin_mm[0] -= 2.3;  // some of it lies outside
      for (const Interpolation way : kSmooth) {
        const Volume exact = volume::resample(wide, grid, {.interpolation = way, .outside = 3});
        const Volume one = volume::resample(source, grid, {.interpolation = way, .outside = 3});
        const Volume many = volume::resample(source, grid, {.interpolation = way, .outside = 3, .threads = 3});
        EXPECT_EQ(std::memcmp(one.bytes().data(), many.bytes().data(), one.bytes().size()), 0);
        volume::with_type(type, [&]<class T>(T) {
          const double low = std::is_unsigned_v<T> ? 0 : -128;  // cubic overshoots
          for (std::size_t i = 0; i < exact.voxels<double>().size(); ++i) {
            const double wanted = std::max(exact.voxels<double>()[i], low);
            ASSERT_NEAR(static_cast<double>(one.voxels<T>()[i]), wanted, std::is_integral_v<T> ? 0.5 + 1e-3 : 1e-3);
          }
        });
      }
    }
  }
}
