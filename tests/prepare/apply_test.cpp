#include "prepare/apply.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "cases.h"
#include "core/error.h"
#include "prepare/foreground.h"
#include "volume/phantom.h"
#include "volume/reorient.h"

using prepare::apply;
using prepare::Plan;
using prepare::Scheme;
using volume::Volume;

namespace {

// Nothing but normalisation.
Plan plain(Scheme scheme, const std::string& modality = "MR") {
  Plan plan;
  plan.orientation = "keep";
  plan.crop = false;
  plan.channels = {{"T1", modality, scheme, 0, 0, 0, 1}};
  return plan;
}

struct Moments {
  double mean = 0, deviation = 0, low = INFINITY, high = -INFINITY;
};

Moments moments(std::span<const float> values) {
  Moments result;
  double squares = 0;
  for (const float value : values) {
    result.mean += static_cast<double>(value);
    squares += static_cast<double>(value) * static_cast<double>(value);
    result.low = std::min(result.low, static_cast<double>(value));
    result.high = std::max(result.high, static_cast<double>(value));
  }
  result.mean /= static_cast<double>(values.size());
  result.deviation = std::sqrt(squares / static_cast<double>(values.size()) - result.mean * result.mean);
  return result;
}

const Volume& image_of(const volume::Case& one) { return *one.channels.at(0).image; }

// A bright ball of this radius in the world on a ramp, so that there is a landmark and no constant.
Volume ball(const volume::Shape& shape, const volume::Geometry& geometry, const volume::Point& centre_mm) {
  Volume result(shape, volume::VoxelType::kFloat32, geometry);
  auto out = result.voxels<float>().begin();
  for (std::int64_t d = 0; d < shape.depth; ++d) {
    for (std::int64_t h = 0; h < shape.height; ++h) {
      for (std::int64_t w = 0; w < shape.width; ++w) {
        const volume::Point p =
            geometry.world({static_cast<double>(d), static_cast<double>(h), static_cast<double>(w)});
        const double r2 =
            std::pow(p[0] - centre_mm[0], 2) + std::pow(p[1] - centre_mm[1], 2) + std::pow(p[2] - centre_mm[2], 2);
        *out++ = static_cast<float>(1 + 1000 * std::exp(-r2 / 18));
      }
    }
  }
  return result;
}

// Where what is brighter than the darkest quarter of the range has its centre, in the world.
volume::Point bright_centre(const Volume& image) {
  const auto voxels = image.voxels<float>();
  const auto [low, high] = std::ranges::minmax(voxels);
  const double level = static_cast<double>(low) + 0.25 * static_cast<double>(high - low);
  volume::Point sum{};
  double weight = 0;
  std::size_t at = 0;
  for (std::int64_t d = 0; d < image.shape().depth; ++d) {
    for (std::int64_t h = 0; h < image.shape().height; ++h) {
      for (std::int64_t w = 0; w < image.shape().width; ++w, ++at) {
        const double more = std::max(0.0, static_cast<double>(voxels[at]) - level);
        const volume::Point p =
            image.geometry.world({static_cast<double>(d), static_cast<double>(h), static_cast<double>(w)});
        for (std::size_t x = 0; x < 3; ++x) sum[x] += more * p[x];
        weight += more;
      }
    }
  }
  for (double& x : sum) x /= weight;
  return sum;
}

double distance(const volume::Point& a, const volume::Point& b) {
  return std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

}  // namespace

TEST(Apply, TheIdentityPlanKeepsEveryVoxelAndThePlace) {
  volume::Case one = one_channel("a", picture({5, 6, 7}, {2, 1.5, 1}, [](auto d, auto h, auto w) {
                                   return std::sin(static_cast<double>(d * 42 + h * 7 + w));
                                 }));
  one.scalars["class"] = 1;
  one.report = "unremarkable";
  one.groups.site = "s1";
  const Volume before = one.reference().clone();
  const volume::Case after = apply(plain(Scheme::kKeep), std::move(one));
  const Volume& image = image_of(after);
  EXPECT_TRUE(std::ranges::equal(image.voxels<float>(), before.voxels<float>()));
  EXPECT_TRUE(volume::same_place(image.geometry, before.geometry, before.shape(), 1e-9));
  EXPECT_EQ(after.scalars.at("class"), 1);
  EXPECT_EQ(after.report, "unremarkable");
  EXPECT_EQ(after.groups.site, "s1");
}

TEST(Apply, CtByHand) {
  Plan plan = plain(Scheme::kCohort, "CT");
  plan.channels[0] = {"T1", "CT", Scheme::kCohort, -200, 300, 50, 100};
  Volume raw(volume::Shape{1, 1, 5}, volume::VoxelType::kInt16, {});
  raw.offset = -1024;
  const std::int16_t stored[] = {0, 824, 1074, 1324, 3000};  // -1024, -200, 50, 300, 1976 HU
  std::ranges::copy(stored, raw.voxels<std::int16_t>().begin());
  const volume::Case after = apply(plan, one_channel("a", std::move(raw), "CT"));
  const float expected[] = {-2.5F, -2.5F, 0, 2.5F, 2.5F};
  EXPECT_TRUE(std::ranges::equal(image_of(after).voxels<float>(), expected));
  EXPECT_EQ(image_of(after).type(), volume::VoxelType::kFloat32);
  EXPECT_EQ(image_of(after).offset, 0);
}

TEST(Apply, MrForegroundHasMeanZeroAndDeviationOne) {
  const auto value = [](auto d, auto h, auto w) {
    return d == 0 ? 0.0 : 300 + 40 * std::sin(0.7 * static_cast<double>(d * 13 + h * 5 + w)) + static_cast<double>(h);
  };
  const Volume raw = picture({8, 9, 10}, {1, 1, 1}, value);
  const volume::Case after = apply(plain(Scheme::kCase), one_channel("a", raw.clone()));
  const std::span<const float> all = image_of(after).voxels<float>();
  const Moments inside = moments(all.subspan(90));  // slice 0 is background
  EXPECT_NEAR(inside.mean, 0, 1e-5);
  EXPECT_NEAR(inside.deviation, 1, 1e-5);
  EXPECT_NEAR(all[0], inside.low, 1e-6);  // clipped to the darkest of the foreground
}

TEST(Apply, AnyGainOfAnMrPictureGivesTheSame) {
  const auto value = [](auto d, auto h, auto w) {
    return w < 2 ? 0.0 : 5 + std::cos(0.3 * static_cast<double>(d * d + 3 * h + w)) + 0.01 * static_cast<double>(h);
  };
  Plan plan = plain(Scheme::kCase);
  plan.spacing_mm = {1.5, 1, 0.8};
  const volume::Case one = apply(plan, one_channel("a", picture({8, 9, 10}, {1, 1, 1}, value)));
  for (const double gain : {0.001, 37.0, 1.7e6}) {
    const volume::Case other = apply(plan, one_channel("a", picture({8, 9, 10}, {1, 1, 1}, [&](auto d, auto h, auto w) {
                                                         return gain * value(d, h, w);
                                                       })));
    const auto a = image_of(one).voxels<float>(), b = image_of(other).voxels<float>();
    ASSERT_EQ(a.size(), b.size());
    for (std::size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 2e-4) << gain;
  }
}

TEST(Apply, ConstantAndDamagedVoxelsBecomeNumbers) {
  const auto constant = [](auto, auto, auto) { return 7.0; };
  volume::Case flat = apply(plain(Scheme::kCase), one_channel("a", picture({3, 4, 5}, {1, 1, 1}, constant)));
  for (const float v : image_of(flat).voxels<float>()) EXPECT_EQ(v, 0);
  const auto damaged = [](auto d, auto h, auto w) {
    return d == 0 && h == 0 ? (w == 0 ? std::nan("") : w == 1 ? INFINITY : -INFINITY) : static_cast<double>(d + h + w);
  };
  for (const Scheme scheme : {Scheme::kCase, Scheme::kKeep, Scheme::kCohort}) {
    Plan plan = plain(scheme);
    plan.spacing_mm = {0.7, 1.3, 1};
    plan.channels[0].clip_high = 5;
    const volume::Case after = apply(plan, one_channel("a", picture({4, 4, 4}, {1, 1, 1}, damaged)));
    for (const float v : image_of(after).voxels<float>()) EXPECT_TRUE(std::isfinite(v));
  }
  const auto nothing = [](auto, auto, auto) { return std::nan(""); };
  EXPECT_THROW(apply(plain(Scheme::kCohort), one_channel("a", picture({2, 2, 2}, {1, 1, 1}, nothing))), core::Error);
}

TEST(Apply, AMaskByItselfRunsFromMinusOneToOne) {
  Volume raw = picture({3, 4, 5}, {1, 1, 1}, [](auto d, auto, auto) { return d == 1 ? 255.0 : 0.0; });
  const volume::Case after = apply(plain(Scheme::kCase), one_channel("a", std::move(raw)));
  for (std::size_t i = 0; i < 60; ++i) EXPECT_EQ(image_of(after).voxels<float>()[i], i >= 20 && i < 40 ? 1 : -1);
}

TEST(Apply, ALandmarkKeepsItsPlaceInTheWorldThroughTurnCropAndResampling) {
  const volume::Point landmark{-3, 12, 9};
  const double tilt = 0.2;
  volume::Geometry oblique;
  oblique.direction = {{{-1, 0, 0}, {0, std::cos(tilt), std::sin(tilt)}, {0, -std::sin(tilt), std::cos(tilt)}}};
  oblique.spacing_mm = {1.4, 0.9, 1.1};
  oblique.origin_mm = {25, -10, -15};
  Plan plan = plain(Scheme::kCase);
  plan.crop = true;
  plan.margin_mm = 1;
  for (const char* orientation : {"SPL", "RAI", "LSA"}) {
    for (const std::array<double, 3> spacing : {std::array<double, 3>{1, 1, 1}, {2, 1.5, 1}, {4.5, 1, 1}}) {
      plan.orientation = orientation;
      plan.spacing_mm = spacing;
      Volume raw = ball({36, 40, 44}, oblique, landmark);
      ASSERT_LT(distance(bright_centre(raw), landmark), 0.05);
      for (std::size_t i = 0; i < 5 * 40 * 44; ++i) raw.voxels<float>()[i] = 0;  // five slices to crop away
      const volume::Case after = apply(plan, one_channel("a", std::move(raw)));
      const Volume& image = image_of(after);
      EXPECT_EQ(volume::orientation(image.geometry), orientation);
      EXPECT_EQ(image.geometry.spacing_mm, spacing);
      EXPECT_LT(distance(bright_centre(image), landmark), 0.2) << orientation << spacing[0];
    }
  }
}

TEST(Apply, CropsToTheContentAndItsMargin) {
  Plan plan = plain(Scheme::kKeep);
  plan.crop = true;
  plan.margin_mm = 2;
  Volume raw = picture({10, 12, 14}, {1, 1, 2},
                       [](auto d, auto h, auto w) { return d > 3 && d < 7 && h == 6 && w > 8 ? 5.0 : 0.0; });
  const volume::Point corner = raw.geometry.world({2, 4, 8});
  const volume::Case after = apply(plan, one_channel("a", std::move(raw)));
  EXPECT_EQ(image_of(after).shape(), (volume::Shape{7, 5, 6}));
  EXPECT_LT(distance(image_of(after).geometry.origin_mm, corner), 1e-9);
}

TEST(Apply, AThickSliceAxisIsNotMixedWithTheOthers) {
  // Each slice has a value of its own: in-plane resampling with nearest across leaves exactly those values.
  Plan plan = plain(Scheme::kKeep);
  plan.spacing_mm = {5, 1.5, 1.5};
  plan.across = "nearest";
  const volume::Case after = apply(plan, one_channel("a", picture({4, 12, 12}, {10, 1, 1}, [](auto d, auto, auto) {
                                                       return static_cast<double>(d * d + 1);
                                                     })));
  const Volume& image = image_of(after);
  ASSERT_EQ(image.shape(), (volume::Shape{8, 8, 8}));
  for (std::int64_t d = 0; d < 8; ++d) {
    const auto value = static_cast<float>((d / 2) * (d / 2) + 1);
    for (std::int64_t i = 0; i < 64; ++i) {
      EXPECT_NEAR(image.voxels<float>()[static_cast<std::size_t>(d * 64 + i)], value, 1e-4);
    }
  }
}

TEST(Apply, CubicNeverLeavesTheRangeOfThePicture) {
  Plan plan = plain(Scheme::kKeep);
  plan.spacing_mm = {0.4, 0.4, 0.4};
  const volume::Case after = apply(plan, one_channel("a", picture({6, 6, 6}, {1, 1, 1}, [](auto d, auto h, auto w) {
                                                       return (d + h + w) % 2 == 0 ? 100.0 : 10.0;
                                                     })));
  const Moments found = moments(image_of(after).voxels<float>());
  EXPECT_EQ(found.low, 10);
  EXPECT_EQ(found.high, 100);
}

TEST(Apply, LabelsComeBackToTheGridTheyCameFrom) {
  volume::PhantomOptions options;
  options.patients = 4;
  options.size = 40;
  options.sites = 4;
  for (std::int64_t i = 0; i < 4; ++i) {
    volume::Case raw = volume::phantom_case(options, i);
    const volume::Grid original{raw.reference().geometry, raw.reference().shape()};
    const Volume truth = raw.label_map->clone();
    const auto expected = truth.voxels<std::uint8_t>();
    Plan plan = plain(Scheme::kCase);
    plan.orientation = "SPL";
    plan.crop = true;
    plan.margin_mm = 0;
    Plan finer = plan;
    for (std::size_t a = 0; a < 3; ++a) {
      const double spacing = volume::reorient(truth, "SPL").geometry.spacing_mm[a];
      plan.spacing_mm[a] = spacing;
      finer.spacing_mm[a] = spacing * 0.7;
    }
    for (const Plan& by : {plan, finer}) {
      volume::Case again;
      again.id = raw.id;
      for (const volume::Channel& c : raw.channels) again.channels.push_back({c.name, c.modality, c.image->clone()});
      again.channels[0].name = "T1";
      again.label_map = truth.clone();
      const volume::Case ready = apply(by, std::move(again));
      const Volume back = prepare::label_map_to(original, *ready.label_map);
      ASSERT_EQ(back.shape(), truth.shape());
      EXPECT_TRUE(volume::same_place(back.geometry, truth.geometry, truth.shape(), 1e-9));
      std::size_t different = 0;
      const auto found = back.voxels<std::uint8_t>();
      for (std::size_t v = 0; v < expected.size(); ++v) different += found[v] != expected[v];
      const double share = static_cast<double>(different) / static_cast<double>(expected.size());
      EXPECT_LE(share, by == plan ? 0.0 : 0.02) << "turn and crop alone lose nothing, case " << i;
    }
  }
}

TEST(Apply, WhatWasCroppedAwayComesBackAsZeroAndTheRimIsNotLost) {
  const volume::Grid original{{{0, 0, 0}, {1, 1, 1}}, {34, 20, 12}};
  Volume labels({34, 20, 12}, volume::VoxelType::kUInt8, original.geometry);
  for (auto& v : labels.voxels<std::uint8_t>()) v = 3;  // all of it is labelled
  volume::Case one = one_channel("a", picture({34, 20, 12}, {1, 1, 1}, [](auto d, auto h, auto w) {
                                   return 1.0 + static_cast<double>(d + h + w);
                                 }));
  one.channels[0].image->geometry = original.geometry;
  one.label_map = std::move(labels);
  Plan plan = plain(Scheme::kCase);
  plan.spacing_mm = {4.3, 3.2, 5};  // extents that do not divide
  const volume::Case coarse = apply(plan, std::move(one));
  const Volume back = prepare::label_map_to(original, *coarse.label_map);
  for (const auto v : back.voxels<std::uint8_t>()) ASSERT_EQ(v, 3);
  const Volume part = volume::crop(back, {{10, 5, 3}, {4, 4, 4}});
  const Volume whole = prepare::label_map_to(original, part);
  const auto voxels = whole.voxels<std::uint8_t>();
  EXPECT_EQ(std::ranges::count(voxels, 3), 64);
  EXPECT_EQ(std::ranges::count(voxels, 0), 34 * 20 * 12 - 64);
}

TEST(Apply, ChannelsComeInThePlansOrderAndAStrangeOneIsAnErrorThatNamesBoth) {
  const auto value = [](auto d, auto h, auto w) { return static_cast<double>(d + 2 * h + 3 * w); };
  volume::Case one = one_channel("a", picture({3, 3, 3}, {1, 1, 1}, value), "MR", "T2");
  one.channels.push_back({"T1", "MR", picture({3, 3, 3}, {1, 1, 1}, value)});
  Plan plan = plain(Scheme::kKeep);
  plan.channels = {{"T1", "MR", Scheme::kKeep}, {"FLAIR", "MR", Scheme::kCase}, {"T2", "MR", Scheme::kKeep}};
  const volume::Case after = apply(plan, std::move(one));
  ASSERT_EQ(after.channels.size(), 3U);
  EXPECT_EQ(after.channels[0].name, "T1");
  EXPECT_FALSE(after.channels[1].image.has_value());
  EXPECT_TRUE(after.channels[2].image.has_value());
  try {
    apply(plan, one_channel("b", picture({3, 3, 3}, {1, 1, 1}, value), "MR", "DWI"));
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_NE(std::string(error.what()).find("DWI"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("FLAIR"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("case b"), std::string::npos);
  }
  // A single channel fits a plan of one whatever it is called, but not another modality.
  const volume::Case named =
      apply(plain(Scheme::kKeep), one_channel("c", picture({3, 3, 3}, {1, 1, 1}, value), "OT", "x"));
  EXPECT_EQ(named.channels[0].name, "T1");
  EXPECT_THROW(apply(plain(Scheme::kKeep), one_channel("d", picture({3, 3, 3}, {1, 1, 1}, value), "CT")), core::Error);
}

TEST(Apply, PreparedGridIsTheGridThatApplyGives) {
  volume::PhantomOptions options;
  options.patients = 3;
  options.size = 32;
  Plan plan = plain(Scheme::kCase);
  plan.orientation = "SPL";
  plan.crop = true;
  plan.spacing_mm = {2, 1.7, 1.1};
  for (std::int64_t i = 0; i < 3; ++i) {
    volume::Case raw = volume::phantom_case(options, i);
    const volume::Grid grid =
        prepare::prepared_grid(plan, {raw.reference().geometry, raw.reference().shape()}, prepare::content_box(raw));
    const volume::Case ready = apply(plan, std::move(raw));
    EXPECT_EQ(image_of(ready).shape(), grid.shape);
    EXPECT_TRUE(volume::same_place(image_of(ready).geometry, grid.geometry, grid.shape, 1e-9));
    EXPECT_EQ(ready.label_map->shape(), grid.shape);
  }
}

TEST(Apply, SpacingsOfATwentiethToTenMillimetresAndSingleSlicesComeToTheGridAskedFor) {
  const auto value = [](auto d, auto h, auto w) { return 3.0 + static_cast<double>((d * 7 + h * 3 + w) % 11); };
  Plan plan = plain(Scheme::kCase);
  plan.crop = true;
  plan.orientation = "SPL";
  plan.spacing_mm = {0.5, 0.5, 0.5};
  const volume::Case fine = apply(plan, one_channel("a", picture({60, 60, 60}, {0.05, 0.05, 0.05}, value)));
  EXPECT_EQ(image_of(fine).shape(), (volume::Shape{6, 6, 6}));
  const volume::Case coarse = apply(plan, one_channel("b", picture({2, 3, 2}, {10, 10, 10}, value)));
  EXPECT_EQ(image_of(coarse).shape(), (volume::Shape{40, 60, 40}));
  const volume::Case slice = apply(plan, one_channel("c", picture({1, 20, 20}, {5, 1, 1}, value)));
  EXPECT_EQ(image_of(slice).shape(), (volume::Shape{10, 40, 40}));
  plan.spacing_mm = {0, 1, 1};
  const volume::Case kept = apply(plan, one_channel("d", picture({1, 20, 20}, {5, 1, 1}, value)));
  EXPECT_EQ(image_of(kept).shape(), (volume::Shape{1, 20, 20}));
  for (const volume::Case* one : {&fine, &coarse, &slice, &kept})
    for (const float voxel : image_of(*one).voxels<float>()) ASSERT_TRUE(std::isfinite(voxel));
}

TEST(Apply, APictureWithoutForegroundIsKeptWholeAndFlat) {
  Plan plan = plain(Scheme::kCase);
  plan.crop = true;
  for (const char* mask : {"none", "body", "brain"}) {
    plan.mask = mask;
    plan.bias.correct = corrects_bias();
    const volume::Case ready =
        apply(plan, one_channel("a", picture({5, 6, 7}, {1, 1, 1}, [](auto, auto, auto) { return 0.0; })));
    EXPECT_EQ(image_of(ready).shape(), (volume::Shape{5, 6, 7}));
    for (const float voxel : image_of(ready).voxels<float>()) ASSERT_EQ(voxel, 0);
  }
}
