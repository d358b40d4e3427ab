// The ops that change values: what they do to mean, spread, range and detail.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "augment/axis_filter.h"
#include "augment/recipes.h"
#include "pictures.h"

namespace {

using augment::View;

constexpr volume::Shape kCase{24, 24, 24};

View changed(const pictures::Sample& sample, const std::string& op) {
  return pictures::apply(augment::parse("view 24 24 24 24 24 24 | crop 0 0 0 | " + op), sample);
}
double mean(const at::Tensor& image, int channel) { return image[channel].to(at::kDouble).mean().item<double>(); }
double deviation(const at::Tensor& image, int channel) {
  return image[channel].to(at::kDouble).std(false).item<double>();
}

TEST(Noise, HasTheLevelThatWasDrawnMeasuredInTheChannelsOwnSpread) {
  const auto sample = pictures::blobs(kCase);
  const at::Tensor noise = changed(sample, "noise 12 345 0.5 0.1").image - sample.image;
  EXPECT_NEAR(deviation(noise, 0), 0.5 * deviation(sample.image, 0), 0.02 * deviation(sample.image, 0));
  EXPECT_NEAR(deviation(noise, 1), 0.1 * deviation(sample.image, 1), 0.01 * deviation(sample.image, 1));
  EXPECT_NEAR(mean(noise, 0), 0, 0.02 * deviation(sample.image, 0));
  // Gaussian: the fourth moment is 3 squares of the variance. And the channels have noise of their own.
  const at::Tensor unit = noise[0].to(at::kDouble) / deviation(noise, 0);
  EXPECT_NEAR(unit.pow(4).mean().item<double>(), 3, 0.3);
  const at::Tensor other = noise[1].to(at::kDouble) / deviation(noise, 1);
  EXPECT_NEAR((unit * other).mean().item<double>(), 0, 0.05);
}

TEST(Blur, SpreadsAPointLikeABellAndKeepsItsSum) {
  auto sample = pictures::blobs(kCase);
  sample.image.zero_();
  sample.image[0][12][12][12] = 1;
  const at::Tensor image = changed(sample, "blur 1 1.5 0.8 0 0 0").image[0].to(at::kDouble);
  EXPECT_NEAR(image.sum().item<double>(), 1, 1e-5);
  const at::Tensor away = (at::arange(24, at::kDouble) - 12).pow(2);
  EXPECT_NEAR((image.sum({1, 2}) * away).sum().item<double>(), 1.0, 0.06);
  EXPECT_NEAR((image.sum({0, 2}) * away).sum().item<double>(), 2.25, 0.14);
  EXPECT_NEAR((image.sum({0, 1}) * away).sum().item<double>(), 0.64, 0.04);
}

TEST(Blur, LeavesAnEvenPictureEvenUpToItsBorder) {
  auto sample = pictures::blobs(kCase);
  sample.image.fill_(7);
  EXPECT_TRUE(at::allclose(changed(sample, "blur 1 1 1 2 2 2").image, sample.image, 1e-5, 1e-5));
}

TEST(Blur, MakesNoRimWhereTheViewLeavesTheCase) {
  auto sample = pictures::blobs(kCase);
  sample.image.fill_(7);
  const View view = pictures::apply(
      augment::parse("view 24 24 24 24 24 24 | crop 12 0 0 | blur 2 2 2 2 2 2 | low_resolution .5 .5 .5 .5 .5 .5"),
      sample);
  EXPECT_TRUE(at::allclose(view.image.narrow(1, 0, 12), sample.image.narrow(1, 0, 12), 1e-5, 1e-5));
  EXPECT_FALSE(view.image.narrow(1, 12, 12).any().item<bool>());
}

TEST(Brightness, ShiftsByAPartOfTheSpread) {
  const auto sample = pictures::blobs(kCase);
  const View view = changed(sample, "brightness 0.25 -0.5");
  EXPECT_NEAR(mean(view.image, 0) - mean(sample.image, 0), 0.25 * deviation(sample.image, 0), 1e-4);
  EXPECT_NEAR(mean(view.image, 1) - mean(sample.image, 1), -0.5 * deviation(sample.image, 1), 1e-2);
}

TEST(Contrast, StretchesAboutTheMeanAndKeepsTheRange) {
  const auto sample = pictures::blobs(kCase);
  const View view = changed(sample, "contrast 0.5 3");
  EXPECT_NEAR(mean(view.image, 0), mean(sample.image, 0), 1e-4);
  EXPECT_NEAR(deviation(view.image, 0), 0.5 * deviation(sample.image, 0), 1e-4);
  EXPECT_GE(view.image[1].min().item<float>(), sample.image[1].min().item<float>());
  EXPECT_LE(view.image[1].max().item<float>(), sample.image[1].max().item<float>());
}

TEST(Gamma, KeepsMeanSpreadAndOrder) {
  const auto sample = pictures::blobs(kCase);
  for (const char* op : {"gamma 0.6 0 1.5 0", "gamma 0.6 1 1.5 1"}) {
    const View view = changed(sample, op);
    for (int c = 0; c < 2; ++c) {
      EXPECT_NEAR(mean(view.image, c), mean(sample.image, c), 1e-3);
      EXPECT_NEAR(deviation(view.image, c), deviation(sample.image, c), 1e-3 * deviation(sample.image, c));
      const at::Tensor order = sample.image[c].flatten().argsort();
      EXPECT_TRUE((view.image[c].flatten().index({order}).diff() >= -1e-3).all().item<bool>());
    }
    EXPECT_FALSE(at::allclose(view.image, sample.image, 1e-3, 1e-3));
  }
}

TEST(LowResolution, LosesDetailAndKeepsSlopesAndMeans) {
  const auto fine = pictures::coordinates(kCase);
  const at::Tensor slope = changed(fine, "low_resolution .5 1 1 1 .5 1 1 1 .5").image[0];
  EXPECT_NEAR(slope[11][5][5].item<float>(), 11, 1e-4) << "a ramp stays a ramp away from the ends";
  auto sample = pictures::blobs(kCase);
  sample.image.copy_((at::arange(24, at::kFloat).remainder(2) * 2 - 1).expand({2, 24, 24, 24}));
  const View view = changed(sample, "low_resolution 1 1 0.5 1 0.5 1");
  EXPECT_LT(view.image[0].abs().max().item<float>(), 1e-5) << "stripes of one voxel are gone at half the resolution";
  EXPECT_TRUE(at::allclose(view.image[1], sample.image[1], 1e-5, 1e-5)) << "lost along the other axis only";
}

TEST(BlockMask, HidesExactlyItsShareInWholeBlocksAndKeepsTheImage) {
  const auto sample = pictures::blobs({24, 24, 24});
  augment::Masked settings;
  settings.warp.rotation_chance = settings.warp.scale_chance = settings.warp.bend_chance = 0;
  settings.mirror.chance = 0;
  settings.mask.block = {4, 8, 6};
  settings.mask.hidden = 0.75;
  const augment::Recipe recipe = augment::masked({24, 24, 24}, settings);
  for (std::uint64_t i = 0; i < 5; ++i) {
    const View view = pictures::apply(recipe.draw(sample.frame, 1, i, 0), sample);
    EXPECT_EQ(view.hidden.sum().item<int>(), 54 * 4 * 8 * 6);  // 72 blocks
    const at::Tensor blocks = view.hidden.reshape({6, 4, 3, 8, 4, 6}).permute({0, 2, 4, 1, 3, 5}).flatten(3);
    EXPECT_TRUE((blocks == blocks.narrow(3, 0, 1)).all().item<bool>());
    EXPECT_TRUE(at::equal(view.image, sample.image));
  }
  settings.mask.erase = true;
  const View erased = pictures::apply(augment::masked({24, 24, 24}, settings).draw(sample.frame, 1, 0, 0), sample);
  EXPECT_FALSE(erased.image[0].masked_select(erased.hidden.to(at::kBool)).any().item<bool>());
}

TEST(AxisFilter, WeightsSumToOneEverywhere) {
  for (const auto& filter : {augment::gaussian(17, 1.3), augment::gaussian(3, 4), augment::through_coarse(17, 5),
                             augment::through_coarse(17, 1)}) {
    for (const auto& weights : filter.weights) {
      double sum = 0;
      for (const float weight : weights) sum += weight;
      EXPECT_NEAR(sum, 1, 1e-5);
    }
  }
}

}  // namespace
