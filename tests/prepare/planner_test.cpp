#include "prepare/planner.h"

#include <cmath>

#include "cases.h"
#include "core/config.h"
#include "core/error.h"

using prepare::Fingerprint;
using prepare::make_plan;
using prepare::Plan;
using prepare::PlanSettings;
using prepare::Scheme;
using Sides = std::array<std::int64_t, 3>;

namespace {

prepare::CaseFingerprint grid_case(const volume::Shape& shape, const std::array<double, 3>& spacing_mm) {
  prepare::CaseFingerprint one;
  one.shape = shape;
  one.geometry.spacing_mm = spacing_mm;
  one.content = {{0, 0, 0}, shape};
  return one;
}

prepare::ChannelFingerprint channel(const std::string& modality) {
  return {"image", modality, 3, {1000, -1024, 3000, false, -900, 40, 310, 25, 180}};
}

Fingerprint cohort_of(std::vector<prepare::CaseFingerprint> cases, const std::string& modality = "MR") {
  Fingerprint cohort;
  cohort.cases = std::move(cases);
  cohort.channels.push_back(channel(modality));
  return cohort;
}

}  // namespace

TEST(Planner, TakesTheMedianSpacingInTheTurnedOrderAndLeavesOutWhatIsDamaged) {
  prepare::CaseFingerprint coronal = grid_case({30, 40, 40}, {3, 1, 2});
  coronal.geometry.direction = {{{0, 1, 0}, {0, 0, 1}, {1, 0, 0}}};  // d towards P, h towards S
  prepare::CaseFingerprint damaged = grid_case({9, 9, 9}, {9, 9, 9});
  damaged.problem = "cut";
  const Fingerprint cohort =
      cohort_of({grid_case({40, 40, 40}, {1, 2, 2}), coronal, grid_case({40, 40, 40}, {1.5, 3, 1}), damaged});
  EXPECT_EQ(make_plan(cohort).spacing_mm, (std::array<double, 3>{1, 3, 2}));
  PlanSettings keep;
  keep.orientation = "keep";
  EXPECT_EQ(make_plan(cohort, keep).spacing_mm, (std::array<double, 3>{1.5, 2, 2}));
}

TEST(Planner, ACoarseAxisGetsItsTenthPercentileButIsNeverFinerThanTheOthers) {
  std::vector<prepare::CaseFingerprint> cases;
  for (int i = 0; i < 11; ++i) cases.push_back(grid_case({20, 256, 256}, {i < 5 ? 4.0 + 0.1 * i : 10.0, 1, 1.2}));
  EXPECT_NEAR(make_plan(cohort_of(cases)).spacing_mm[0], 4.1, 1e-9);
  for (auto& one : cases) one.geometry.spacing_mm[0] = one.geometry.spacing_mm[0] < 9 ? 0.5 : 10;
  EXPECT_NEAR(make_plan(cohort_of(cases)).spacing_mm[0], 1.2, 1e-9);
  for (auto& one : cases) one.geometry.spacing_mm[0] = 2.5;  // not coarse enough for the rule
  EXPECT_EQ(make_plan(cohort_of(cases)).spacing_mm[0], 2.5);
}

TEST(Planner, PatchesOfDataThatWeKnow) {
  PlanSettings settings;
  EXPECT_EQ(prepare::patch_for({35, 50, 36}, {1, 1, 1}, settings), (Sides{32, 48, 32}));  // hippocampus
  EXPECT_EQ(prepare::patch_for({28, 28, 28}, {1, 1, 1}, settings), (Sides{32, 32, 32}));  // MedMNIST
  EXPECT_EQ(prepare::patch_for({23, 27, 26}, {1, 1, 1}, settings), (Sides{24, 24, 24}));  // the same, cropped
  EXPECT_EQ(prepare::patch_for({3, 5, 1}, {1, 1, 1}, settings), (Sides{3, 6, 1}));
  EXPECT_EQ(prepare::patch_for({9, 256, 216}, {10, 1.5, 1.5}, settings), (Sides{8, 256, 224}));  // heart, thick slices
  EXPECT_EQ(prepare::patch_for({400, 512, 512}, {1, 0.8, 0.8}, settings)[0] % 16, 0);
}

TEST(Planner, APatchIsWithinTheBudgetAMultipleOfTheStrideAndGrowsWithTheBudget) {
  PlanSettings settings;
  std::int64_t before = 0;
  for (const std::int64_t budget : {512, 4096, 40'000, 300'000, 2'000'000, 30'000'000}) {
    settings.patch_voxels = budget;
    const Sides patch = prepare::patch_for({130, 300, 280}, {3, 1, 1}, settings);
    const Sides stride = prepare::stride_of({3, 1, 1}, settings.halvings);
    const std::int64_t voxels = patch[0] * patch[1] * patch[2];
    for (std::size_t a = 0; a < 3; ++a) EXPECT_EQ(patch[a] % stride[a], 0);
    EXPECT_TRUE(voxels <= budget || patch == stride) << budget;
    EXPECT_GE(voxels, before);
    before = voxels;
  }
}

TEST(Planner, ACoarseAxisIsHalvedLater) {
  EXPECT_EQ(prepare::stride_of({1, 1, 1}, 4), (Sides{16, 16, 16}));
  EXPECT_EQ(prepare::stride_of({10, 1.5, 1.5}, 4), (Sides{4, 16, 16}));  // 1.5 -> 3 -> 6, then all
  EXPECT_EQ(prepare::stride_of({3, 1, 1}, 4), (Sides{8, 16, 16}));
  EXPECT_EQ(prepare::stride_of({1, 1, 1}, 0), (Sides{1, 1, 1}));
}

TEST(Planner, TheBatchFollowsTheFormulaAndIsMonotoneInEveryInput) {
  PlanSettings settings;
  settings.memory_gb = 9;
  settings.fixed_gb = 1;
  settings.bytes_per_voxel = 1000;
  settings.largest_batch = 64;
  // 8e9 / (32 * 50 * 100 * 1000) = 50
  EXPECT_EQ(prepare::batch_size({32, 50, 100}, settings), 50);
  settings.largest_batch = 12;
  EXPECT_EQ(prepare::batch_size({32, 50, 100}, settings), 12);
  settings.memory_gb = 0.5;
  EXPECT_EQ(prepare::batch_size({32, 50, 100}, settings), 1);
  settings.largest_batch = 1000;
  std::int64_t before = 0;
  for (const double memory : {0.1, 1.0, 2.0, 4.5, 8.0, 80.0}) {
    settings.memory_gb = memory;
    const std::int64_t batch = prepare::batch_size({64, 64, 64}, settings);
    EXPECT_GE(batch, before);
    EXPECT_GE(batch, prepare::batch_size({64, 80, 64}, settings));
    PlanSettings hungrier = settings;
    hungrier.bytes_per_voxel *= 2;
    EXPECT_GE(batch, prepare::batch_size({64, 64, 64}, hungrier));
    before = batch;
  }
  EXPECT_GT(before, 100);
}

TEST(Planner, TheEncoderDecidesTheBatchUnlessItsBytesAreSaid) {
  PlanSettings settings;
  settings.memory_gb = 9;
  settings.largest_batch = 1000;
  std::int64_t before = 1000;
  for (const char* const encoder : {"vit", "resenc", "resnet"}) {
    settings.encoder = encoder;
    const std::int64_t batch = prepare::batch_size({64, 64, 64}, settings);
    EXPECT_LT(batch, before) << encoder;
    before = batch;
  }
  settings.bytes_per_voxel = prepare::bytes_per_voxel("vit");
  EXPECT_GT(prepare::batch_size({64, 64, 64}, settings), before);
  settings.bytes_per_voxel = 0;
  settings.encoder = "rescen";
  try {
    prepare::batch_size({64, 64, 64}, settings);
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_NE(error.hint().find("resenc"), std::string::npos) << error.what();
  }
}

TEST(Planner, CtAndPetGoByTheCohortMrByTheCaseAndMasksFromMinusOneToOne) {
  EXPECT_EQ(prepare::scheme_of(channel("CT")),
            (prepare::ChannelPlan{"image", "CT", Scheme::kCohort, -900, 310, 25, 180}));
  EXPECT_EQ(prepare::scheme_of(channel("MR")), (prepare::ChannelPlan{"image", "MR", Scheme::kCase, 0, 0, 0, 1}));
  const prepare::ChannelPlan pet = prepare::scheme_of(channel("PT"));
  EXPECT_EQ(pet.scheme, Scheme::kCohort);
  EXPECT_EQ(pet.clip_high, channel("PT").values.highest) << "the hottest voxels are not clipped";
  EXPECT_EQ(pet.clip_low, channel("PT").values.lowest);
  prepare::ChannelFingerprint mask = channel("OT");
  mask.values.lowest = 0;
  mask.values.highest = 255;
  mask.values.two_values = true;
  EXPECT_EQ(prepare::scheme_of(mask), (prepare::ChannelPlan{"image", "OT", Scheme::kCohort, 0, 255, 127.5, 127.5}));
  PlanSettings settings;
  settings.scheme = "keep";
  EXPECT_EQ(prepare::scheme_of(channel("CT"), settings).scheme, Scheme::kKeep);
  settings.scheme = "median";
  EXPECT_THROW(prepare::scheme_of(channel("CT"), settings), core::Error);
}

TEST(Planner, SettingsWinAndWhatMakesNoSenseIsAUsageError) {
  const Fingerprint cohort = cohort_of({grid_case({60, 60, 60}, {1, 1, 1})});
  PlanSettings settings;
  const std::vector<core::Slot> slots = core::slots_of(settings);
  core::configure(slots, std::vector<core::Setting>{core::setting_from_argument("spacing_mm=[2, 0, 1.5]"),
                                                    core::setting_from_argument("patch=[24, 40, 56]"),
                                                    core::setting_from_argument("orientation=RAS")});
  const Plan plan = make_plan(cohort, settings);
  EXPECT_EQ(plan.spacing_mm, (std::array<double, 3>{2, 0, 1.5}));
  EXPECT_EQ(plan.patch, (Sides{24, 40, 56}));
  EXPECT_EQ(plan.orientation, "RAS");
  settings.patch = {24};
  EXPECT_THROW(make_plan(cohort, settings), core::Error);
  settings = {};
  settings.orientation = "SPP";
  EXPECT_THROW(make_plan(cohort, settings), core::Error);
  EXPECT_THROW(make_plan(Fingerprint{}), core::Error);
}

TEST(Planner, MaskAndBiasCorrectionComeFromTheSettingsAndNeedTheirModality) {
  PlanSettings settings;
  core::configure(core::slots_of(settings), std::vector<core::Setting>{core::setting_from_argument("mask=brain"),
                                                                       core::setting_from_argument("bias.correct=true"),
                                                                       core::setting_from_argument("bias.levels=2")});
  const Plan plan = make_plan(cohort_of({grid_case({60, 60, 60}, {1, 1, 1})}), settings);
  EXPECT_EQ(plan.mask, "brain");
  EXPECT_EQ(plan.bias, (prepare::BiasSettings{true, 4, 2, 50}));
  EXPECT_THROW(make_plan(cohort_of({grid_case({60, 60, 60}, {1, 1, 1})}, "CT"), settings), core::Error);
  EXPECT_EQ(prepare::options_for(settings).mask, "brain");
  settings.mask = "skin";
  EXPECT_THROW(make_plan(cohort_of({grid_case({60, 60, 60}, {1, 1, 1})}), settings), core::Error);
}

TEST(Planner, ThePatchFollowsTheContentNotTheAirAroundIt) {
  prepare::CaseFingerprint one = grid_case({200, 200, 200}, {1, 1, 1});
  one.content = {{80, 80, 80}, {38, 54, 38}};
  PlanSettings settings;
  settings.margin_mm = 0;
  EXPECT_EQ(make_plan(cohort_of({one}), settings).patch, (Sides{32, 48, 32}));
  settings.crop = false;
  EXPECT_EQ(make_plan(cohort_of({one}), settings).patch, (Sides{128, 128, 128}));
}
