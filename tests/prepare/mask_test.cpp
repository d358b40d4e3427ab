#include "prepare/mask.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "cases.h"
#include "core/error.h"
#include "core/rng.h"
#include "prepare/apply.h"
#include "prepare/coarse.h"
#include "prepare/fingerprint.h"
#include "prepare/foreground.h"
#include "prepare/planner.h"
#include "volume/phantom.h"

using prepare::keep_inside;
using volume::Point;
using volume::Volume;

namespace {

enum Thing { kAir, kTissue, kLung, kTable };

double distance(const Point& a, const Point& b) { return std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]); }

// At a place in mm along {d, h, w}: a body of 80 mm radius with two lungs, on the hollow shell of a table that it
// touches; walls of 4 mm, foam between them.
Thing torso(const Point& mm) {
  if (distance(mm, {100, 100, 80}) < 28 || distance(mm, {100, 100, 150}) < 28) return kLung;
  if (distance(mm, {100, 100, 115}) < 80) return kTissue;
  const bool table = mm[1] > 180 && mm[1] < 210 && mm[2] > 15 && mm[2] < 215;
  const bool wall = mm[1] < 184 || mm[1] > 206 || mm[2] < 19 || mm[2] > 211;
  return table && wall ? kTable : kAir;
}

struct Made {
  volume::Case one;
  std::vector<Thing> things;
};

// `scale` shrinks the world: 0.01 makes a mouse of it.
Made made(const std::array<double, 3>& spacing, const std::string& modality,
          const std::function<double(Thing, core::Rng&)>& value, double scale = 1) {
  Made result;
  core::Rng rng({11, 0, 0, 0});
  const auto side = [&](double mm, std::size_t a) {
    return static_cast<std::int64_t>(std::max(1.0, std::round(mm * scale / spacing[a])));
  };
  Volume image = picture({side(200, 0), side(230, 1), side(230, 2)}, spacing, [&](auto d, auto h, auto w) {
    result.things.push_back(
        torso({(static_cast<double>(d) + 0.5) * spacing[0] / scale, (static_cast<double>(h) + 0.5) * spacing[1] / scale,
               (static_cast<double>(w) + 0.5) * spacing[2] / scale}));
    return value(result.things.back(), rng);
  });
  result.one = one_channel("a", std::move(image), modality);
  return result;
}

double hounsfield(Thing thing, core::Rng& rng) {
  const double of[] = {-990, 40, -850, 100};
  return of[thing] + 15 * rng.normal();
}

// Share of the voxels of one thing that are not ground.
double kept(const Made& of, Thing thing, double ground) {
  double all = 0, there = 0;
  const auto voxels = of.one.reference().voxels<float>();
  for (std::size_t i = 0; i < voxels.size(); ++i) {
    all += of.things[i] == thing;
    there += of.things[i] == thing && static_cast<double>(voxels[i]) != ground;
  }
  return there / all;
}

std::string story_of(const std::function<void()>& run) {
  try {
    run();
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kUsage);
    return error.what();
  }
  return "";
}

}  // namespace

TEST(Mask, TheTableGoesAndTheBodyStaysWithItsLungsWhateverTheSpacing) {
  for (const auto& spacing : {std::array<double, 3>{4, 2, 2}, {10, 3, 3}, {3, 4, 3}, {1.9, 3, 5}}) {
    Made ct = made(spacing, "CT", hounsfield);
    keep_inside(ct.one, "body");
    EXPECT_EQ(kept(ct, kTissue, -1000), 1) << spacing[0] << " " << spacing[1];
    EXPECT_EQ(kept(ct, kLung, -1000), 1) << spacing[0] << " " << spacing[1];
    EXPECT_LT(kept(ct, kTable, -1000), 0.15) << "where the body lies on it; " << spacing[0] << " " << spacing[1];
    EXPECT_LT(kept(ct, kAir, -1000), 0.1);
  }
}

TEST(Mask, VoxelsTooLargeToTellATableKeepTheBody) {
  Made ct = made({10, 10, 10}, "CT", hounsfield);
  keep_inside(ct.one, "body");
  EXPECT_EQ(kept(ct, kTissue, -1000), 1);
  EXPECT_EQ(kept(ct, kLung, -1000), 1);
}

TEST(Mask, WhatIsSmallIsMaskedAsWhatIsLarge) {
  Made mouse = made({0.05, 0.05, 0.05}, "CT", hounsfield, 0.02);
  keep_inside(mouse.one, "body");
  EXPECT_GT(kept(mouse, kTissue, -1000), 0.999);
  EXPECT_EQ(kept(mouse, kLung, -1000), 1);
  EXPECT_LT(kept(mouse, kTable, -1000), 0.2);
}

TEST(Mask, NoiseOfTheAirIsNoBodyInMr) {
  const auto value = [](Thing thing, core::Rng& rng) {
    const double of[] = {0, 300, 15, 0};
    return std::hypot(of[thing] + 20 * rng.normal(), 20 * rng.normal());
  };
  for (const auto& spacing : {std::array<double, 3>{4, 2, 2}, {1.8, 9, 1.8}, {10, 3, 3}}) {
    Made mr = made(spacing, "MR", value);
    keep_inside(mr.one, "body");
    EXPECT_EQ(kept(mr, kTissue, 0), 1) << spacing[0];
    EXPECT_EQ(kept(mr, kLung, 0), 1) << spacing[0];
    EXPECT_LT(kept(mr, kAir, 0), 0.12) << spacing[0];
  }
}

TEST(Mask, WhatAPersonHasLabelledIsNeverLost) {
  Made ct = made({4, 3, 3}, "CT", hounsfield);
  const Volume& image = ct.one.reference();
  const Volume before = image.clone();
  ct.one.label_map.emplace(image.shape(), volume::VoxelType::kUInt8, image.geometry);
  const auto labels = ct.one.label_map->voxels<std::uint8_t>();
  labels[0] = 1;  // in a corner
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = ct.things[i] == kTable ? 2 : labels[i];
  keep_inside(ct.one, "body");
  const auto now = ct.one.reference().voxels<float>(), then = before.voxels<float>();
  EXPECT_EQ(now[0], then[0]);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    ASSERT_TRUE(labels[i] == 0 || now[i] == then[i]) << i;
  }
  EXPECT_EQ(prepare::content_box(ct.one).begin, (std::array<std::int64_t, 3>{0, 0, 0}));
}

TEST(Mask, ASingleSliceIsMaskedByItself) {
  Made whole = made({5, 2, 2}, "CT", hounsfield);
  const std::int64_t slice = 19;  // through the middle: 97.5 mm
  const volume::Shape& shape = whole.one.reference().shape();
  const volume::VoxelBox box{{slice, 0, 0}, {1, shape.height, shape.width}};
  Made one{one_channel("a", volume::crop(whole.one.reference(), box), "CT"), {}};
  const auto first = whole.things.begin() + slice * shape.height * shape.width;
  one.things.assign(first, first + shape.height * shape.width);
  keep_inside(one.one, "body");
  EXPECT_EQ(kept(one, kTissue, -1000), 1);
  EXPECT_EQ(kept(one, kLung, -1000), 1);
  EXPECT_LT(kept(one, kTable, -1000), 0.3);
}

TEST(Mask, TwoLegsStayAndACableGoes) {
  const auto legs = [](auto, auto h, auto w) {
    const double y = static_cast<double>(h), x = static_cast<double>(w);
    return std::hypot(y - 30, x - 30) < 14 || std::hypot(y - 30, x - 70) < 14 ? 40.0
           : y > 56 && y < 58                                                 ? 500.0
                                                                              : -1000.0;
  };
  volume::Case one = one_channel("a", picture({20, 60, 100}, {4, 2, 2}, legs), "CT");
  keep_inside(one, "body");
  EXPECT_EQ(prepare::content_box(one), (volume::VoxelBox{{0, 17, 17}, {20, 27, 67}}));
}

TEST(Mask, WhereThereIsNoBodyThePictureStays) {
  const auto stays = [](Volume image, const std::string& modality) {
    const Volume before = image.clone();
    volume::Case one = one_channel("a", std::move(image), modality);
    keep_inside(one, "body");
    return std::ranges::equal(before.voxels<float>(), one.reference().voxels<float>());
  };
  EXPECT_TRUE(stays(picture({9, 10, 11}, {1, 1, 1}, [](auto, auto, auto) { return -1000.0; }), "CT"));
  EXPECT_TRUE(stays(picture({9, 10, 11}, {1, 1, 1}, [](auto, auto, auto) { return 0.0; }), "MR"));
  EXPECT_TRUE(stays(picture({9, 10, 11}, {1, 1, 1}, [](auto, auto, auto) { return 5.0; }), "MR"));
  EXPECT_TRUE(stays(picture({1, 1, 1}, {1, 1, 1}, [](auto, auto, auto) { return 5.0; }), "MR"));
  // Two values: it says itself what is inside, and each of its islands counts.
  EXPECT_TRUE(
      stays(picture({9, 40, 40}, {3, 3, 3}, [](auto d, auto h, auto w) { return (d + h + w) % 9 ? 0.0 : 1.0; }), "MR"));
}

TEST(Mask, DamagedVoxelsAreNoBodyAndSurviveInsideIt) {
  Made ct = made({4, 3, 3}, "CT", hounsfield);
  const auto voxels = ct.one.channels[0].image->voxels<float>();
  const auto in_body = static_cast<std::size_t>(std::ranges::find(ct.things, kTissue) - ct.things.begin()) + 1;
  voxels[0] = std::nanf("");
  voxels[in_body] = std::nanf("");
  keep_inside(ct.one, "body");
  EXPECT_EQ(voxels[0], -1000);
  EXPECT_TRUE(std::isnan(voxels[in_body]));
}

TEST(Mask, IntegersKeepTheirTypeWhereItHasTheGround) {
  const auto ball = [](const Volume& like, double tissue, double air) {
    Volume image = like.clone();
    volume::with_type(image.type(), [&]<class T>(T) {
      std::size_t i = 0;
      for (int d = 0; d < 31; ++d)
        for (int h = 0; h < 31; ++h)
          for (int w = 0; w < 31; ++w)
            image.voxels<T>()[i++] = static_cast<T>(distance({d * 1.0, h * 1.0, w * 1.0}, {15, 15, 15}) < 10 ? tissue
                                                    : w == 30                                                ? air + 3
                                                                                                             : air);
    });
    return one_channel("a", std::move(image), "CT");
  };
  Volume wide({31, 31, 31}, volume::VoxelType::kUInt16, {{0, 0, 0}, {4, 4, 4}});
  wide.offset = -1024;
  volume::Case kept = ball(wide, 1100, 60);
  keep_inside(kept, "body");
  ASSERT_EQ(kept.reference().type(), volume::VoxelType::kUInt16);
  EXPECT_EQ(kept.reference().voxels<std::uint16_t>()[30], 24);
  Volume narrow({31, 31, 31}, volume::VoxelType::kUInt8, {{0, 0, 0}, {4, 4, 4}});
  narrow.scale = 10;
  narrow.offset = -900;
  volume::Case widened = ball(narrow, 95, 0);
  keep_inside(widened, "body");
  ASSERT_EQ(widened.reference().type(), volume::VoxelType::kFloat32);
  EXPECT_EQ(widened.reference().voxels<float>()[30], -1000);
  EXPECT_EQ(widened.reference().voxels<float>()[(15 * 31 + 15) * 31 + 15], 50);
}

TEST(Mask, ACaseHasOneBodyThatOfAllItsChannels) {
  const auto ball_at = [](double x) {
    return picture({30, 30, 50}, {4, 4, 4}, [x](auto d, auto h, auto w) {
      const Point at{static_cast<double>(d), static_cast<double>(h), static_cast<double>(w)};
      return distance(at, {15, 15, x}) < 9 ? 300.0 : 2 + 0.1 * static_cast<double>((d + h + w) % 7);
    });
  };
  volume::Case one = one_channel("a", ball_at(12));
  one.channels.push_back({"T2", "MR", ball_at(38)});
  one.channels.push_back({"FLAIR", "MR", std::nullopt});
  keep_inside(one, "body");
  for (const std::size_t c : {0U, 1U}) {
    const auto voxels = one.channels[c].image->voxels<float>();
    EXPECT_NE(voxels[(15 * 30 + 15) * 50 + 12], 0);
    EXPECT_NE(voxels[(15 * 30 + 15) * 50 + 38], 0);
    EXPECT_EQ(voxels[0], 0);
  }
}

namespace {

enum Layer { kOutside, kScalp, kSkull, kBrain, kEye };

// A head of 95 mm radius; an eye before the skull that a nerve of 6 mm ties to the brain.
Layer head(const Point& mm) {
  if (distance(mm, {100, 15, 100}) < 11) return kEye;
  if (std::hypot(mm[0] - 100, mm[2] - 100) < 3 && mm[1] > 15 && mm[1] < 40) return kEye;
  const double r = distance(mm, {100, 115, 100});
  return r > 95 ? kOutside : r > 89 ? kScalp : r > 76 ? kSkull : kBrain;
}

}  // namespace

TEST(Mask, TheBrainStaysAndSkinAndEyesGo) {
  for (const auto& spacing : {std::array<double, 3>{5, 1.5, 1.5}, {2, 2, 2}}) {
    core::Rng rng({3, 0, 0, 0});
    std::vector<Layer> layers;
    const auto side = [&](std::size_t a) { return static_cast<std::int64_t>(220 / spacing[a]); };
    volume::Case one = one_channel("a", picture({side(0), side(1), side(2)}, spacing, [&](auto d, auto h, auto w) {
                                     layers.push_back(head({(static_cast<double>(d) + 0.5) * spacing[0],
                                                            (static_cast<double>(h) + 0.5) * spacing[1],
                                                            (static_cast<double>(w) + 0.5) * spacing[2]}));
                                     const double of[] = {0, 900, 30, 400, 420};
                                     return std::hypot(of[layers.back()] + 15 * rng.normal(), 15 * rng.normal());
                                   }));
    keep_inside(one, "brain");
    std::array<double, 5> all{}, there{};
    for (std::size_t i = 0; i < layers.size(); ++i) {
      all[layers[i]] += 1;
      there[layers[i]] += one.reference().voxels<float>()[i] != 0;
    }
    EXPECT_GT(there[kBrain] / all[kBrain], 0.999) << spacing[0];
    EXPECT_EQ(there[kScalp], 0) << spacing[0];
    EXPECT_LT(there[kSkull] / all[kSkull], 0.5) << spacing[0];
    EXPECT_LT(there[kEye] / all[kEye], 0.35) << spacing[0];
    EXPECT_EQ(there[kOutside], 0);
  }
}

TEST(Mask, ABrainIsLookedForInMrAlone) {
  EXPECT_NE(story_of([] { prepare::check_mask("brain", {"MR", "CT"}); }).find("CT"), std::string::npos);
  EXPECT_NE(story_of([] { prepare::check_mask("brain", {"PT", "OT"}); }).find("no channel is MR"), std::string::npos);
  EXPECT_NE(story_of([] { prepare::check_mask("head", {"MR"}); }).find("'head'"), std::string::npos);
  EXPECT_NO_THROW(prepare::check_mask("brain", {"PT", "MR"}));
  EXPECT_NO_THROW(prepare::check_mask("body", {"CT"}));
  volume::Case one = one_channel("a", picture({9, 9, 9}, {1, 1, 1}, [](auto d, auto, auto) { return d + 1.0; }), "PT");
  EXPECT_THROW(keep_inside(one, "brain"), core::Error);
  const Scratch folder;
  std::vector<volume::Case> cases;
  cases.push_back(one_channel("a", picture({4, 4, 4}, {1, 1, 1}, [](auto d, auto, auto) { return d * 9.0; }), "CT"));
  const store::Reader reader = stored(folder.path, cases);
  prepare::FingerprintOptions options;
  options.mask = "brain";
  EXPECT_NE(story_of([&] { prepare::fingerprint(reader, options); }).find("CT"), std::string::npos);
}

TEST(Mask, StatisticsAndContentOfTheCohortAreThoseOfWhatApplyPrepares) {
  const Scratch folder;
  std::vector<volume::Case> cases;
  cases.push_back(std::move(made({4, 3, 3}, "CT", hounsfield).one));
  const store::Reader reader = stored(folder.path, cases);
  prepare::PlanSettings settings;
  const prepare::Fingerprint whole = prepare::fingerprint(reader, prepare::options_for(settings));
  settings.mask = "body";
  settings.margin_mm = 0;
  const prepare::Fingerprint masked = prepare::fingerprint(reader, prepare::options_for(settings));
  EXPECT_LT(masked.cases[0].content.shape.height, whole.cases[0].content.shape.height - 5) << "the table is cropped";
  EXPECT_LT(masked.channels[0].values.voxels, whole.channels[0].values.voxels);
  prepare::Plan plan = prepare::make_plan(masked, settings);
  EXPECT_EQ(plan.mask, "body");
  plan.spacing_mm = {0, 0, 0};
  const volume::Case ready = prepare::apply(plan, reader.load(0));
  EXPECT_EQ(ready.reference().shape(), masked.cases[0].content.shape);
  double sum = 0, squares = 0, count = 0;
  const auto air = static_cast<float>((plan.channels[0].clip_low - plan.channels[0].mean) / plan.channels[0].deviation);
  for (const float value : ready.reference().voxels<float>()) {
    if (value <= air) continue;
    sum += static_cast<double>(value);
    squares += static_cast<double>(value) * static_cast<double>(value);
    count += 1;
  }
  EXPECT_NEAR(sum / count, 0, 0.05);
  EXPECT_NEAR(std::sqrt(squares / count), 1, 0.05);
}

TEST(Mask, NothingOfAPhantomsOrgansIsLostEvenWithoutItsLabels) {
  for (const char* modality : {"MR", "CT"}) {
    volume::PhantomOptions options;
    options.patients = 4;
    options.size = 72;
    options.modality = modality;
    for (std::int64_t i = 0; i < 4; ++i) {
      volume::Case one = volume::phantom_case(options, i);
      const Volume labels = std::move(*one.label_map);
      one.label_map.reset();
      const Volume before = one.reference().as_float();
      keep_inside(one, "body");
      const Volume after = one.reference().as_float();
      double organs = 0, lost = 0;
      for (std::size_t v = 0; v < labels.voxels<std::uint8_t>().size(); ++v) {
        if (labels.voxels<std::uint8_t>()[v] == 0) continue;
        organs += 1;
        lost += before.voxels<float>()[v] != after.voxels<float>()[v];
      }
      EXPECT_LT(lost / organs, 0.001) << modality << i;
    }
  }
}

TEST(Coarse, BlocksLieInTheMiddleOfTheirVoxelsAndHoldTheMeanOfWhatCounts) {
  Volume image = picture({3, 4, 5}, {1, 2, 3}, [](auto d, auto h, auto w) { return d * 20.0 + h * 5 + w; });
  const Volume means = prepare::block_means(image, {2, 4, 3}, prepare::Counted::kFinite);
  ASSERT_EQ(means.shape(), (volume::Shape{2, 1, 2}));
  EXPECT_EQ(means.voxels<float>()[0], 18.5F);  // d 0.5, h 1.5, w 1
  EXPECT_EQ(means.voxels<float>()[3], 51);     // d 2, h 1.5, w 3.5
  EXPECT_LT(distance(means.geometry.world({0, 0, 0}), image.geometry.world({0.5, 1.5, 1})), 1e-9);
  EXPECT_EQ(means.geometry.spacing_mm, (std::array<double, 3>{2, 8, 9}));
  image = picture({1, 1, 6}, {1, 1, 1}, [](auto, auto, auto w) {
    return w == 0 ? std::nan("") : w < 4 ? -1.0 : w + 0.0;
  });
  const Volume finite = prepare::block_means(image, {1, 1, 3}, prepare::Counted::kFinite);
  EXPECT_EQ(finite.voxels<float>()[0], -1);
  EXPECT_NEAR(finite.voxels<float>()[1], 8.0 / 3, 1e-6);
  const Volume positive = prepare::block_means(image, {1, 1, 3}, prepare::Counted::kPositive);
  EXPECT_EQ(positive.voxels<float>()[0], 0);
  EXPECT_EQ(positive.voxels<float>()[1], 4.5F);
}

TEST(Coarse, TheThresholdPartsGroundFromMuscleThoughFatIsBright) {
  core::Rng rng({1, 0, 0, 0});
  std::vector<float> values;
  for (int i = 0; i < 3000; ++i) values.push_back(static_cast<float>(std::abs(12 * rng.normal())));
  for (int i = 0; i < 2500; ++i) values.push_back(static_cast<float>(200 + 20 * rng.normal()));
  for (int i = 0; i < 1500; ++i) values.push_back(static_cast<float>(1000 + 50 * rng.normal()));
  const double threshold = prepare::ground_threshold(values);
  EXPECT_GT(threshold, 30);
  EXPECT_LT(threshold, 160);
  for (float& value : values) value *= 1000;
  EXPECT_NEAR(prepare::ground_threshold(values), 1000 * threshold, threshold);
  EXPECT_EQ(prepare::ground_threshold(std::vector<float>{3, 3, 3}), 0);
  EXPECT_EQ(prepare::ground_threshold({}), 0);
  EXPECT_GT(prepare::ground_threshold(std::vector<float>{0, 0, 0, 7}), 0);
}
