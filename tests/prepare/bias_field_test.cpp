#include "prepare/bias_field.h"

#include <cmath>
#include <cstring>

#include "cases.h"
#include "core/error.h"
#include "core/parallel.h"
#include "core/rng.h"
#include "prepare/apply.h"
#include "prepare/fingerprint.h"
#include "prepare/planner.h"

using prepare::BiasSettings;
using prepare::without_bias;
using volume::Volume;

namespace {

constexpr double kRadius = 40;  // mm
const volume::Point kCentre{50, 50, 50};

// 0: ground, 1: the outer tissue, 2: the inner one, at a place in mm along {d, h, w}.
int tissue_at(const volume::Point& mm) {
  const double r = std::hypot(mm[0] - kCentre[0], mm[1] - kCentre[1], mm[2] - kCentre[2]);
  const double inner = std::hypot(mm[0] - 45, mm[1] - 60, mm[2] - 50);
  return r > kRadius ? 0 : inner < 18 ? 2 : 1;
}

// Smooth, 0.7 .. 1.3.
double field_at(const volume::Point& mm) {
  return 1 + 0.3 * std::sin(mm[0] / 45) * std::cos(mm[1] / 40 + 0.4) - 0.15 * (mm[2] - 50) / 50;
}

struct Ball {
  Volume image, truth;
  std::vector<int> tissue;
};

// Two tissues of 100 and 180 with noise of 2 %; `noise_of_air` where there is none. The grid's middle is the ball's.
Ball ball(const volume::Shape& shape, const std::array<double, 3>& spacing, bool uneven, double noise_of_air = 0) {
  Ball made;
  core::Rng rng({5, 1, 0, 0});
  std::vector<double> fields;
  made.image = picture(shape, spacing, [&](auto d, auto h, auto w) {
    volume::Point mm{static_cast<double>(d), static_cast<double>(h), static_cast<double>(w)};
    for (std::size_t a = 0; a < 3; ++a)
      mm[a] = kCentre[a] + (mm[a] + 0.5 - static_cast<double>(shape[static_cast<int>(a)]) / 2) * spacing[a];
    made.tissue.push_back(tissue_at(mm));
    fields.push_back(uneven ? field_at(mm) : 1.0);
    const double plain = made.tissue.back() == 0   ? noise_of_air * std::abs(rng.normal())
                         : made.tissue.back() == 1 ? 100 * (1 + 0.02 * rng.normal())
                                                   : 180 * (1 + 0.02 * rng.normal());
    return plain * (made.tissue.back() == 0 ? 1 : fields.back());
  });
  made.truth = picture(shape, spacing, [i = std::size_t{0}, &fields](auto, auto, auto) mutable { return fields[i++]; });
  return made;
}

// Deviation over mean of the voxels of one tissue.
double variation(const Volume& image, const std::vector<int>& tissue, int of) {
  double sum = 0, squares = 0, count = 0;
  for (std::size_t i = 0; i < tissue.size(); ++i) {
    if (tissue[i] != of) continue;
    const auto value = static_cast<double>(image.voxels<float>()[i]);
    sum += value;
    squares += value * value;
    count += 1;
  }
  return std::sqrt(squares / count - sum / count * sum / count) / (sum / count);
}

// How far the field that was taken off is from the true one, both with mean 1: the root of the mean square, and the
// most, over the tissue.
struct Difference {
  double typical = 0, most = 0;
};
Difference field_difference(const Ball& one, const Volume& corrected) {
  double sum_found = 0, sum_true = 0, count = 0;
  std::vector<std::pair<double, double>> pairs;
  for (std::size_t i = 0; i < one.tissue.size(); ++i) {
    if (one.tissue[i] == 0) continue;
    pairs.emplace_back(static_cast<double>(one.image.voxels<float>()[i] / corrected.voxels<float>()[i]),
                       static_cast<double>(one.truth.voxels<float>()[i]));
    sum_found += pairs.back().first;
    sum_true += pairs.back().second;
    count += 1;
  }
  Difference result;
  for (const auto& [found, truth] : pairs) {
    const double off = found / (sum_found / count) / (truth / (sum_true / count)) - 1;
    result.typical += off * off / count;
    result.most = std::max(result.most, std::abs(off));
  }
  result.typical = std::sqrt(result.typical);
  return result;
}

class BiasField : public testing::Test {
 protected:
  void SetUp() override {
    if (!corrects_bias()) GTEST_SKIP() << "built without ITK";
  }
};

// Where it is not asked how well the field is found.
prepare::BiasSettings quick() {
  prepare::BiasSettings settings;
  settings.levels = 1;
  settings.iterations = 10;
  return settings;
}

double mean_of(const Volume& image) {
  double sum = 0;
  for (const float value : image.voxels<float>()) sum += static_cast<double>(value);
  return sum / static_cast<double>(image.shape().voxels());
}

}  // namespace

TEST_F(BiasField, AKnownFieldIsFoundAndTheTissuesBecomeEven) {
  for (const double air : {0.0, 6.0}) {
    const Ball one = ball({25, 34, 25}, {4, 3, 4}, true, air);
    const Volume corrected = without_bias(one.image, {});
    EXPECT_GT(variation(one.image, one.tissue, 1), 0.11);
    EXPECT_LT(variation(corrected, one.tissue, 1), 0.025) << "noise alone is 0.02; air " << air;
    EXPECT_LT(variation(corrected, one.tissue, 2), 0.025);
    const Difference off = field_difference(one, corrected);
    EXPECT_LT(off.typical, 0.01) << air;
    EXPECT_LT(off.most, 0.05) << air;
  }
}

TEST_F(BiasField, APictureOfAnEvenFieldStaysAsItWas) {
  const Ball one = ball({25, 34, 25}, {4, 3, 4}, false);
  const Difference off = field_difference(one, without_bias(one.image, {}));
  EXPECT_LT(off.typical, 0.005);
  EXPECT_LT(off.most, 0.015);
}

TEST_F(BiasField, TheMeanStaysZeroStaysZeroAndWhatIsNotFiniteStaysSo) {
  Ball one = ball({20, 20, 20}, {5, 5, 5}, true);
  const Volume clean = without_bias(one.image, quick());
  EXPECT_NEAR(mean_of(clean), mean_of(one.image), 1e-4 * mean_of(one.image));
  for (std::size_t i = 0; i < one.tissue.size(); ++i) ASSERT_EQ(clean.voxels<float>()[i] == 0, one.tissue[i] == 0);
  const std::size_t middle = one.tissue.size() / 2;
  one.image.voxels<float>()[middle] = NAN;
  one.image.voxels<float>()[middle + 1] = INFINITY;
  const Volume found = without_bias(one.image, quick());
  EXPECT_TRUE(std::isnan(found.voxels<float>()[middle]));
  EXPECT_EQ(found.voxels<float>()[middle + 1], INFINITY);
  for (std::size_t i = 0; i < one.tissue.size(); ++i)
    ASSERT_TRUE(i == middle || i == middle + 1 || std::isfinite(found.voxels<float>()[i])) << i;
}

TEST_F(BiasField, AnyGainOfThePictureGivesTheSameField) {
  const Ball one = ball({20, 25, 20}, {5, 4, 5}, true);
  const Volume plain = without_bias(one.image, quick());
  for (const double gain : {1e-4, 2e4}) {
    Volume louder = one.image.clone();
    for (float& value : louder.voxels<float>()) value *= static_cast<float>(gain);
    const Volume found = without_bias(louder, quick());
    for (std::size_t i = 0; i < one.tissue.size(); ++i) {
      const auto expected = static_cast<double>(plain.voxels<float>()[i]);
      ASSERT_NEAR(static_cast<double>(found.voxels<float>()[i]) / gain, expected, 2e-3 * expected) << gain;
    }
  }
}

TEST_F(BiasField, ASingleSliceAndVoxelsOfAnySizeAreCorrectedToo) {
  const Ball slice = ball({1, 48, 48}, {5, 2, 2}, true);
  const Volume even = without_bias(slice.image, {});
  EXPECT_LT(field_difference(slice, even).typical, 0.02);
  EXPECT_LT(variation(even, slice.tissue, 1), 0.03);
  // The same picture in the small: only its grid says that it is.
  const Ball one = ball({20, 20, 20}, {5, 5, 5}, true);
  const Volume expected = without_bias(one.image, quick());
  Ball small = ball({20, 20, 20}, {5, 5, 5}, true);
  small.image.geometry.spacing_mm = {0.05, 0.05, 0.05};
  const Volume found = without_bias(small.image, quick());
  for (std::size_t i = 0; i < one.tissue.size(); ++i)
    ASSERT_NEAR(found.voxels<float>()[i], expected.voxels<float>()[i], 1e-2F) << i;
}

TEST_F(BiasField, ThereIsNoneInAConstantPictureAnEmptyOneAndOneOfFewVoxels) {
  const auto stays = [](const Volume& image) {
    const Volume found = without_bias(image, {});
    return std::memcmp(found.bytes().data(), image.bytes().data(), image.bytes().size()) == 0;
  };
  EXPECT_TRUE(stays(picture({20, 20, 20}, {1, 1, 1}, [](auto, auto, auto) { return 7.0; })));
  EXPECT_TRUE(stays(picture({20, 20, 20}, {1, 1, 1}, [](auto, auto, auto) { return 0.0; })));
  EXPECT_TRUE(stays(picture({20, 20, 20}, {1, 1, 1}, [](auto d, auto, auto) { return d > 9 ? 255.0 : 0.0; })));
  EXPECT_TRUE(stays(picture({20, 20, 20}, {1, 1, 1}, [](auto, auto, auto) { return std::nan(""); })));
  EXPECT_TRUE(
      stays(picture({20, 20, 20}, {1, 1, 1}, [](auto d, auto, auto) { return -1.0 - static_cast<double>(d); })));
  EXPECT_TRUE(stays(picture({1, 1, 1}, {1, 1, 1}, [](auto, auto, auto) { return 3.0; })));
  EXPECT_TRUE(stays(picture({3, 4, 5}, {9, 9, 9}, [](auto d, auto h, auto w) { return 1.0 + d + h + w; })));
  const Volume ramp = without_bias(picture({1, 1, 500}, {1, 1, 1}, [](auto, auto, auto w) { return 1.0 + w; }), {});
  for (const float value : ramp.voxels<float>()) ASSERT_TRUE(std::isfinite(value));
}

TEST_F(BiasField, IsTheSameFromManyThreads) {
  const Ball one = ball({20, 20, 20}, {5, 5, 5}, true);
  const Volume first = without_bias(one.image, quick());
  std::vector<Volume> all(3);
  core::parallel_for(3, 3,
                     [&](std::int64_t i) { all[static_cast<std::size_t>(i)] = without_bias(one.image, quick()); });
  for (const Volume& each : all)
    EXPECT_EQ(std::memcmp(each.bytes().data(), first.bytes().data(), first.bytes().size()), 0);
}

TEST_F(BiasField, ApplyCorrectsMrOnlyAndFollowsItsSettings) {
  const Ball one = ball({20, 25, 20}, {5, 4, 5}, true);
  prepare::Plan plan;
  plan.orientation = "keep";
  plan.crop = false;
  plan.bias.correct = true;
  plan.channels = {{"T1", "MR", prepare::Scheme::kKeep, 0, 0, 0, 1}, {"PET", "PT", prepare::Scheme::kKeep, 0, 0, 0, 1}};
  volume::Case raw = one_channel("a", one.image.clone());
  raw.channels.push_back({"PET", "PT", one.image.clone()});
  const volume::Case ready = prepare::apply(plan, std::move(raw));
  EXPECT_LT(variation(*ready.channels[0].image, one.tissue, 1), 0.03);
  EXPECT_EQ(variation(*ready.channels[1].image, one.tissue, 1), variation(one.image, one.tissue, 1));
  plan.bias.levels = 1;
  plan.bias.iterations = 1;
  const volume::Case hasty = prepare::apply(plan, one_channel("a", one.image.clone()));
  EXPECT_GT(variation(*hasty.channels[0].image, one.tissue, 1), 0.04);
}

// Numbers of the cohort have to be those of what apply() normalises; a case's own are taken by apply() itself.
TEST_F(BiasField, TheFingerprintCorrectsWhereTheCohortsNumbersNormaliseMr) {
  const Scratch folder;
  const Ball one = ball({20, 25, 20}, {5, 4, 5}, true);
  std::vector<volume::Case> cases;
  cases.push_back(one_channel("a", one.image.clone()));
  const store::Reader reader = stored(folder.path, cases);
  prepare::PlanSettings settings;
  settings.bias = quick();
  settings.bias.correct = true;
  EXPECT_FALSE(prepare::options_for(settings).bias.correct);
  settings.scheme = "cohort";
  const prepare::FingerprintOptions options = prepare::options_for(settings);
  ASSERT_TRUE(options.bias.correct);
  const prepare::Plan plan = prepare::make_plan(prepare::fingerprint(reader, options), settings);
  prepare::Plan keep = plan;
  keep.spacing_mm = {0, 0, 0};
  keep.channels[0].scheme = prepare::Scheme::kKeep;
  const volume::Case ready = prepare::apply(keep, one_channel("a", one.image.clone()));
  double sum = 0, count = 0;
  for (const float value : ready.channels[0].image->voxels<float>()) {
    sum += static_cast<double>(value);
    count += value != 0;
  }
  EXPECT_NEAR(plan.channels[0].mean, sum / count, 1e-3 * plan.channels[0].mean);
}

TEST(BiasFieldWithoutItk, AskingForItIsAUsageErrorWithAHint) {
  if (corrects_bias()) GTEST_SKIP() << "built with ITK";
  prepare::Plan plan;
  plan.bias.correct = true;
  plan.channels = {{"T1", "MR", prepare::Scheme::kCase, 0, 0, 0, 1}};
  EXPECT_NO_THROW(plan.check()) << "a store that was prepared elsewhere can be read";
  try {
    prepare::apply(plan, one_channel("a", picture({9, 9, 9}, {1, 1, 1}, [](auto d, auto, auto) { return d + 1.0; })));
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kUsage);
    EXPECT_NE(error.hint().find("GADOLIN_IMAGING"), std::string::npos);
  }
}
