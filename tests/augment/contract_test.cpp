// What every op of the table and every recipe keeps.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <thread>

#include "augment/recipes.h"
#include "core/error.h"
#include "pictures.h"

namespace {

using augment::Drawing;
using augment::OpPointer;
using augment::Recipe;
using augment::View;

constexpr volume::Shape kCase{14, 18, 21};
constexpr volume::Shape kPatch{8, 12, 10};

// The op with its chances all set to `chance`; alone where it picks, else behind a crop.
Recipe recipe_of(const augment::OpEntry& entry, double chance, const volume::Shape& patch) {
  std::vector<core::Setting> given;
  const std::string reference = entry.reference();
  for (const char* key : {"chance", "rotation_chance", "scale_chance", "bend_chance", "channel_chance"}) {
    if (reference.find("`" + std::string(key) + "`") != std::string::npos) {
      given.push_back({key, {std::to_string(chance)}, false, "test"});
    }
  }
  const OpPointer op = entry.make(given);
  if (op->picks()) return {patch, {op}};
  return {patch, {augment::make_op("crop"), op}};
}

class EveryOp : public testing::TestWithParam<augment::OpEntry> {};
INSTANTIATE_TEST_SUITE_P(Table, EveryOp, testing::ValuesIn(augment::ops().begin(), augment::ops().end()),
                         [](const auto& each) { return std::string(each.param.name); });

TEST_P(EveryOp, SaysItsNameAndWhatItsSettingsMean) {
  EXPECT_EQ(GetParam().make({})->name(), GetParam().name);
  EXPECT_FALSE(GetParam().summary.empty());
  EXPECT_NE(GetParam().reference().find("|"), std::string::npos);
}

TEST_P(EveryOp, LeavesThePictureAloneWithIdentityParameters) {
  const auto sample = pictures::blobs(kCase);
  const OpPointer op = GetParam().make({});
  Drawing drawing{kCase, kCase, {}};
  if (!op->picks()) drawing.ops.push_back({"crop", {0, 0, 0}});
  drawing.ops.push_back(op->identity(sample.frame, kCase));
  const View view = pictures::apply(drawing, sample);
  EXPECT_TRUE(at::allclose(view.image, sample.image, 1e-6, 1e-4));
  EXPECT_TRUE(at::equal(view.labels, sample.labels));
  EXPECT_TRUE(view.valid.all().item<bool>());
  EXPECT_EQ(view.voxel_to_case, volume::Transform{});
  if (view.hidden.defined()) {
    EXPECT_FALSE(view.hidden.any().item<bool>());
  }
}

TEST_P(EveryOp, DoesNothingWithChanceZeroAndActsWithChanceOne) {
  const auto sample = pictures::blobs(kCase);
  const Recipe never = recipe_of(GetParam(), 0, kPatch), always = recipe_of(GetParam(), 1, kPatch);
  for (std::uint64_t i = 0; i < 50; ++i) {
    const Drawing quiet = never.draw(sample.frame, 1, i, 0), loud = always.draw(sample.frame, 1, i, 0);
    if (quiet.ops.size() > 1) {
      EXPECT_TRUE(quiet.ops[1].skipped());
      EXPECT_FALSE(loud.ops[1].skipped());
      continue;
    }
    // A picking op that is neither turned nor scaled nor bent copies voxels.
    const View view = pictures::apply(quiet, sample);
    const volume::Index origin = view.voxel_to_case({0, 0, 0});
    EXPECT_EQ(pictures::value(view.image, 0, 2, 3, 4),
              pictures::value(sample.image, 0, static_cast<std::int64_t>(origin[0]) + 2,
                              static_cast<std::int64_t>(origin[1]) + 3, static_cast<std::int64_t>(origin[2]) + 4));
  }
}

TEST_P(EveryOp, ActsAsOftenAsItsChanceSays) {
  const auto sample = pictures::blobs(kCase);
  if (GetParam().make({})->picks() || GetParam().name == "mirror") return;  // no chance of its own as a whole
  const Recipe recipe = recipe_of(GetParam(), 0.3, kPatch);
  int acted = 0;
  for (std::uint64_t i = 0; i < 2000; ++i) acted += recipe.draw(sample.frame, 5, i, 1).ops[1].skipped() ? 0 : 1;
  EXPECT_NEAR(acted, 600, 5 * std::sqrt(2000 * 0.3 * 0.7));
}

TEST_P(EveryOp, DrawsAndAppliesTheSameForTheSameKeyOnAnyThread) {
  const auto sample = pictures::blobs(kCase);
  const Recipe recipe = recipe_of(GetParam(), 1, kPatch);
  std::vector<View> views(8);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < views.size(); ++t) {
    threads.emplace_back([&, t] { views[t] = pictures::apply(recipe.draw(sample.frame, 3, 100 + t / 4, 1), sample); });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t t = 1; t < 4; ++t) {
    EXPECT_TRUE(pictures::same(views[t], views[0]));
    EXPECT_TRUE(pictures::same(views[4 + t], views[4]));
  }
  EXPECT_FALSE(pictures::same(views[0], views[4])) << "another sample should look different";
}

TEST_P(EveryOp, ReplaysFromItsLogLine) {
  const auto sample = pictures::blobs(kCase);
  const Recipe recipe = recipe_of(GetParam(), 1, kPatch);
  for (std::uint64_t i = 0; i < 5; ++i) {
    const Drawing drawing = recipe.draw(sample.frame, 9, i, 0);
    const Drawing again = augment::parse(drawing.line());
    EXPECT_EQ(again, drawing) << drawing.line();
    EXPECT_TRUE(pictures::same(pictures::apply(again, sample), pictures::apply(drawing, sample)));
  }
}

TEST_P(EveryOp, MakesNoNewLabels) {
  const auto sample = pictures::blobs(kCase);
  const Recipe recipe = recipe_of(GetParam(), 1, {20, 20, 20});  // larger than the case in one direction
  for (std::uint64_t i = 0; i < 5; ++i) {
    const View view = pictures::apply(recipe.draw(sample.frame, 2, i, 0), sample);
    const std::int64_t* label = view.labels.data_ptr<std::int64_t>();
    const std::set<std::int64_t> found(label, label + view.labels.numel());
    for (const std::int64_t each : found) EXPECT_TRUE(each == 0 || each == 3 || each == 7) << each;
    EXPECT_TRUE(view.image.isfinite().all().item<bool>());
  }
}

TEST_P(EveryOp, SeesTheSameInABoxAsInTheWholeCase) {
  const auto sample = pictures::blobs({30, 26, 33}, {1, 1, 2});
  const Recipe recipe = recipe_of(GetParam(), 1, kPatch);
  for (std::uint64_t i = 0; i < 40; ++i) {
    const Drawing drawing = recipe.draw(sample.frame, 4, i, 0);
    EXPECT_TRUE(pictures::same(pictures::apply_to_box(drawing, sample), pictures::apply(drawing, sample)))
        << drawing.line();
  }
}

TEST_P(EveryOp, RefusesDrawnValuesThatDoNotFit) {
  const auto sample = pictures::blobs(kCase);
  Drawing drawing{kCase, kCase, {}};
  const bool picks = GetParam().make({})->picks();
  if (!picks) drawing.ops.push_back({"crop", {0, 0, 0}});
  drawing.ops.push_back({std::string(GetParam().name), std::vector<double>(23, 0.5)});
  EXPECT_THROW(pictures::apply(drawing, sample), core::Error);
}

TEST_P(EveryOp, RefusesAnUnknownSetting) {
  const std::vector<core::Setting> given{{"chnace", {"1"}, false, "recipe.yaml:3"}};
  EXPECT_THROW(GetParam().make(given), core::Error);
}

TEST_P(EveryOp, WorksOnAPatchOneVoxelThin) {
  const auto sample = pictures::blobs({1, 9, 7});
  const Recipe recipe = recipe_of(GetParam(), 1, {1, 8, 8});
  for (std::uint64_t i = 0; i < 5; ++i) {
    const Drawing drawing = recipe.draw(sample.frame, 2, i, 0);
    const View view = pictures::apply_to_box(drawing, sample);
    EXPECT_TRUE(view.image.isfinite().all().item<bool>());
    EXPECT_TRUE(pictures::same(view, pictures::apply(drawing, sample)));
  }
}

TEST(OpTable, NamesTheNearestOpWhenThereIsNone) {
  try {
    augment::make_op("blurr");
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_NE(error.hint().find("blur"), std::string::npos);
    EXPECT_EQ(error.exit(), core::Exit::kUsage);
  }
}

}  // namespace
