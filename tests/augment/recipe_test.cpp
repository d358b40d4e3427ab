// Whole recipes: what a learner is given.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "augment/recipes.h"
#include "core/error.h"
#include "pictures.h"

namespace {

using augment::Drawing;
using augment::Recipe;
using augment::View;

std::vector<std::pair<std::string, Recipe>> shipped() {
  const volume::Shape patch{16, 20, 16};
  std::vector<std::pair<std::string, Recipe>> all{{"supervised", augment::supervised(patch, 0.5)},
                                                  {"contrastive", augment::contrastive(patch)},
                                                  {"masked", augment::masked(patch)},
                                                  {"centre", augment::centre(patch)}};
  for (const Recipe& each : augment::multi_crop(patch, {8, 8, 8})) all.emplace_back("multi_crop", each);
  return all;
}

TEST(Recipes, GiveTheSameFromTheBoxFromTheWholeAndFromTheLine) {
  const auto sample = pictures::blobs({30, 26, 33}, {1.5, 1, 1});
  for (const auto& [name, recipe] : shipped()) {
    for (std::uint64_t i = 0; i < 30; ++i) {
      const Drawing drawing = recipe.draw(sample.frame, 6, i, 1);
      const View view = pictures::apply(drawing, sample);
      EXPECT_TRUE(pictures::same(pictures::apply_to_box(drawing, sample), view)) << name << " " << drawing.line();
      EXPECT_TRUE(pictures::same(pictures::apply(augment::parse(drawing.line()), sample), view)) << name;
      EXPECT_EQ(view.image.size(0), 2);
      EXPECT_EQ(view.image.size(1), recipe.patch().depth);
      EXPECT_EQ(view.hidden.defined(), name == "masked");
    }
  }
}

TEST(Recipes, AreZeroOutsideOfTheCaseWhateverTheOpsDid) {
  const auto sample = pictures::blobs({10, 12, 9});
  for (const auto& [name, recipe] : shipped()) {
    for (std::uint64_t i = 0; i < 10; ++i) {
      const View view = pictures::apply(recipe.draw(sample.frame, 6, i, 0), sample);
      const at::Tensor outside = view.valid == 0;
      EXPECT_TRUE((view.image.masked_select(outside) == 0).all().item<bool>()) << name;
      EXPECT_TRUE((view.labels.masked_select(outside) == 0).all().item<bool>()) << name;
      EXPECT_TRUE(view.valid.any().item<bool>()) << name;
    }
  }
}

// Where nothing bends, a picture of coordinates tells where each voxel came from.
TEST(Recipes, TellWhereInTheCaseEachVoxelLies) {
  auto sample = pictures::coordinates({30, 26, 33}, {1, 2, 1.5});
  augment::Warp warp;
  warp.bend_chance = 0;
  warp.rotation_chance = warp.scale_chance = 1;
  augment::Mirror mirror{0.7, {0, 1, 2}};
  const Recipe recipe({9, 8, 7}, {augment::make(warp), augment::make(mirror)});
  for (std::uint64_t i = 0; i < 20; ++i) {
    const View view = pictures::apply(recipe.draw(sample.frame, 7, i, 0), sample);
    for (const auto& [d, h, w] : {std::array<std::int64_t, 3>{0, 0, 0}, {4, 3, 3}, {8, 7, 6}, {2, 6, 1}}) {
      const volume::Index at =
          view.voxel_to_case({static_cast<double>(d), static_cast<double>(h), static_cast<double>(w)});
      bool within = true;
      for (int a = 0; a < 3; ++a)
        within = within && at[a] >= 0 && at[a] <= static_cast<double>(sample.frame.shape[a] - 1);
      for (int a = 0; a < 3 && within; ++a) {
        EXPECT_NEAR(pictures::value(view.image, a, d, h, w), at[a], 1e-3) << "axis " << a;
      }
    }
  }
}

TEST(Recipes, CentreOnLabelledVoxelsWhenAsked) {
  const auto sample = pictures::blobs({40, 40, 40});
  augment::Supervised still;
  still.warp.rotation_chance = still.warp.scale_chance = still.warp.bend_chance = 0;
  const Recipe recipe = augment::supervised({9, 9, 9}, 1.0, still);
  int hits = 0;
  for (std::uint64_t i = 0; i < 50; ++i) {
    const Drawing drawing = recipe.draw(sample.frame, 8, i, 0);
    const View view = pictures::apply(drawing, sample);
    hits += (view.labels != 0).any().item<bool>() ? 1 : 0;
  }
  EXPECT_EQ(hits, 50);
}

TEST(Recipes, PutTheViewsOfASampleNearEachOther) {
  const auto sample = pictures::blobs({60, 60, 60});
  augment::Contrastive settings;
  settings.warp.rotation_chance = settings.warp.scale_chance = settings.warp.bend_chance = 0;
  settings.mirror.chance = 0;
  const auto recipes = augment::two_view_crop({20, 20, 20}, settings);
  double farthest = 0;
  for (std::uint64_t i = 0; i < 100; ++i) {
    const volume::Index a = pictures::apply(recipes[0].draw(sample.frame, 1, i, 0), sample).voxel_to_case({0, 0, 0});
    const volume::Index b = pictures::apply(recipes[1].draw(sample.frame, 1, i, 1), sample).voxel_to_case({0, 0, 0});
    for (int axis = 0; axis < 3; ++axis) farthest = std::max(farthest, std::abs(a[axis] - b[axis]));
  }
  EXPECT_LE(farthest, 11);
  EXPECT_GE(farthest, 5);
}

TEST(Recipes, KeepSmallCropsInsideTheLargeOnesWithoutASpread) {
  const auto sample = pictures::blobs({40, 44, 48});
  augment::MultiCrop settings;
  settings.views.warp.place.spread = 0;
  settings.views.warp.rotation_chance = settings.views.warp.scale_chance = settings.views.warp.bend_chance = 0;
  const auto recipes = augment::multi_crop({24, 24, 24}, {8, 8, 8}, settings);
  ASSERT_EQ(recipes.size(), 6u);
  for (std::uint64_t i = 0; i < 50; ++i) {
    const volume::VoxelBox large = recipes[0].draw(sample.frame, 1, i, 0).box();
    const volume::VoxelBox small = recipes[5].draw(sample.frame, 1, i, 5).box();
    for (int a = 0; a < 3; ++a) {
      EXPECT_GE(small.begin[a], large.begin[a]);
      EXPECT_LE(small.begin[a] + small.shape[a], large.begin[a] + large.shape[a]);
    }
  }
}

TEST(Recipes, TakeTheMiddleOfTheCaseForValidation) {
  const auto sample = pictures::blobs({12, 9, 20});
  const Drawing drawing = augment::centre({6, 5, 24}).draw(sample.frame, 1, 2, 3);
  EXPECT_EQ(drawing.line(), "view 6 5 24 12 9 20 | crop 3 2 -2");
  EXPECT_EQ(drawing.box(), (volume::VoxelBox{{3, 2, 0}, {6, 5, 20}}));
}

TEST(Recipes, RefuseWhatIsNoRecipeAndWhatIsNoLine) {
  EXPECT_THROW(Recipe({8, 8, 8}, {}), core::Error);
  EXPECT_THROW(Recipe({8, 8, 8}, {augment::make_op("noise")}), core::Error);
  EXPECT_THROW(Recipe({8, 8, 8}, {augment::make_op("crop"), augment::make_op("warp")}), core::Error);
  EXPECT_THROW(Recipe({8, 0, 8}, {augment::make_op("crop")}), core::Error);
  for (const char* line :
       {"", "crop 1 2 3", "view 8 8 8 9 9 9", "view 8 8 8 9 9 9 | noise", "view 8 8 9 9 9 | crop 1 2 3",
        "view 8 8 8 9 9 9 | crop", "view 8 8 8 9 9 9 | crop 1 2 3 |", "view 8 8 8 9 9 9 | crop 1 x 3",
        "view 8 8 0 9 9 9 | crop 1 2 3", "view 8 8 8 9 9 9 | crop 1 2 3 | crop 1 2 3", "view 8 8 8 9 9 9 | corp 1 2 3",
        "| crop 1 2 3", "view 8 8 8 9 9 9 | crop nan 2 3"}) {
    EXPECT_THROW(augment::parse(line), core::Error) << line;
  }
}

TEST(Recipes, RefusePicturesThatDoNotFit) {
  const auto sample = pictures::blobs({12, 12, 12});
  const Drawing drawing = augment::centre({6, 6, 6}).draw(sample.frame, 1, 2, 3);
  const TensorSource whole(sample.image, sample.labels, sample.whole, {12, 12, 12});
  EXPECT_NO_THROW(augment::apply(drawing, whole.source()));
  const auto refused = [&](augment::Source source) { EXPECT_THROW(augment::apply(drawing, source), core::Error); };
  augment::Source source = whole.source();
  source.case_shape = {12, 12, 13};
  refused(source);
  source = whole.source();
  source.channels = {};
  refused(source);
  const volume::Volume labels({12, 12, 11}, volume::VoxelType::kUInt8, {});
  source = whole.source();
  source.labels = &labels;
  refused(source);
  refused(TensorSource(sample.image.narrow(1, 5, 6), {}, {{5, 0, 0}, {6, 12, 12}}, {12, 12, 12}).source());
  refused(TensorSource(sample.image.narrow(1, 5, 6), {}, sample.whole, {12, 12, 12}).source());
}

TEST(Recipes, ReadVoxelsOfEveryTypeAsTheNumbersTheyMean) {
  const auto sample = pictures::blobs({14, 15, 16});
  // Whole numbers from 0 to 120, so that every type holds them; the value is half of it less 20.
  const at::Tensor numbers = (sample.image.narrow(0, 0, 1) * 20 + 60).round().clamp(0, 120);
  const Recipe turned = augment::supervised({9, 10, 11}, 0, [] {
    augment::Supervised always;
    always.warp.rotation_chance = always.warp.scale_chance = always.warp.bend_chance = 1;
    return always;
  }());
  auto frame = sample.frame;
  frame.channels = 1;
  for (const Recipe& recipe : {turned, augment::centre({9, 10, 21})}) {
    const Drawing drawing = recipe.draw(frame, 3, 4, 5);
    TensorSource plain(numbers * 0.5 - 20, sample.labels, sample.whole, frame.shape);
    const View expected = augment::apply(drawing, plain.source());
    for (int t = 0; t <= static_cast<int>(volume::VoxelType::kFloat64); ++t) {
      TensorSource typed(numbers, sample.labels, sample.whole, frame.shape);
      volume::Volume voxels(frame.shape, static_cast<volume::VoxelType>(t), {});
      volume::with_type(voxels.type(), [&]<class T>(T) {
        std::ranges::transform(typed.channels()[0].voxels<float>(), voxels.voxels<T>().begin(),
                               [](float number) { return static_cast<T>(number); });
      });
      voxels.scale = 0.5;
      voxels.offset = -20;
      typed.channels()[0] = std::move(voxels);
      const View view = augment::apply(drawing, typed.source());
      EXPECT_TRUE(at::allclose(view.image, expected.image, 0, 1e-4)) << t;
      EXPECT_TRUE(at::equal(view.labels, expected.labels)) << t;
      EXPECT_TRUE(at::equal(view.valid, expected.valid)) << t;
    }
  }
}

TEST(Recipes, ShowAChannelThatTheCaseLacksAsZero) {
  const auto sample = pictures::blobs({14, 15, 16});
  const TensorSource whole(sample.image, {}, sample.whole, sample.frame.shape);
  const volume::Volume* const channels[] = {nullptr, whole.source().channels[1]};
  for (const Recipe& recipe : {augment::contrastive({8, 8, 8}), augment::centre({8, 8, 8})}) {
    const Drawing drawing = recipe.draw(sample.frame, 3, 4, 5);
    const View view = augment::apply(drawing, {channels, nullptr, sample.whole, sample.frame.shape});
    EXPECT_FALSE(view.image[0].any().item<bool>());
    EXPECT_TRUE(at::equal(view.image[1], augment::apply(drawing, whole.source()).image[1]));
    EXPECT_FALSE(view.labels.defined());
  }
}

TEST(Recipes, KeepTheViewAsItWasBeforeItsDamage) {
  const auto sample = pictures::blobs({14, 15, 16});
  const std::string begin = "view 8 10 12 14 15 16 | crop 2 3 -1";
  const auto view = [&](const std::string& ops) { return pictures::apply(augment::parse(begin + ops), sample); };
  const View plain = view(""), brighter = view(" | brightness 1 1"), mirrored = view(" | mirror 1 0 1");
  EXPECT_FALSE(plain.kept.defined());
  const View damaged = view(" | keep 1 | brightness 1 1");
  EXPECT_TRUE(at::equal(damaged.kept, plain.image));
  EXPECT_TRUE(at::equal(damaged.image, brighter.image));
  EXPECT_TRUE(at::equal(view(" | brightness 1 1 | keep 1 | noise 1 2 .5 .5").kept, brighter.image));
  EXPECT_TRUE(at::equal(view(" | keep 1 | noise 1 2 .5 .5 | mirror 1 0 1").kept, mirrored.image)) << "moved alike";
  EXPECT_TRUE(at::equal(view(" | keep | brightness 1 1").kept, brighter.image)) << "not drawn: nothing to restore";
}

TEST(Recipes, CanBeSetFromYaml) {
  augment::Supervised settings;
  core::configure(
      core::slots_of(settings),
      core::settings_from_yaml("mirror:\n  axes: [0, 1]\nintensity:\n  noise:\n    chance: 0.9\n", "a.yaml"));
  EXPECT_EQ(settings.mirror.axes, (std::vector<std::int64_t>{0, 1}));
  EXPECT_EQ(settings.intensity.noise.chance, 0.9);
  const Recipe recipe = augment::supervised({8, 8, 8}, 0.3, settings);
  const auto sample = pictures::blobs({12, 12, 12});
  for (std::uint64_t i = 0; i < 30; ++i) {
    const augment::Drawn mirrored = recipe.draw(sample.frame, 1, i, 0).ops.back();
    if (!mirrored.skipped()) {
      EXPECT_EQ(mirrored.values[2], 0) << "axis 2 was left out";
    }
  }
}

TEST(Recipes, LeaveArtefactsOutUntilTheirChanceIsSetAndDrawTheRestAsBefore) {
  const auto sample = pictures::blobs({16, 16, 16});
  augment::Contrastive settings;
  const auto before = augment::contrastive({8, 8, 8}, settings).draw(sample.frame, 1, 2, 0).ops;
  core::configure(
      core::slots_of(settings),
      core::settings_from_yaml("artefacts:\n  motion:\n    chance: 1\n  spike:\n    chance: 1\n", "a.yaml"));
  auto after = augment::contrastive({8, 8, 8}, settings).draw(sample.frame, 1, 2, 0).ops;
  ASSERT_EQ(after.size(), before.size() + 2);
  EXPECT_EQ(after[before.size()].op, "motion");
  EXPECT_EQ(after[before.size() + 1].op, "spike");
  after.resize(before.size());
  EXPECT_EQ(after, before);
}

}  // namespace
