// The ops that replace or shuffle parts of a view.
#include "augment/boxes.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <map>

#include "augment/one_of.h"
#include "augment/ops/cutout.h"
#include "augment/ops/inpaint.h"
#include "augment/ops/local_shuffle.h"
#include "augment/ops/outpaint.h"
#include "augment/ops/swap.h"
#include "augment/recipe.h"
#include "core/error.h"
#include "pictures.h"

namespace {

using augment::View;

constexpr volume::Shape kCase{20, 22, 24};

View changed(const pictures::Sample& sample, const std::string& op) {
  return pictures::apply(augment::parse("view 20 22 24 20 22 24 | crop 0 0 0 | " + op), sample);
}
at::Tensor box(const at::Tensor& voxels, std::array<std::int64_t, 3> begin, std::array<std::int64_t, 3> side) {
  at::Tensor part = voxels;
  for (int a = 0; a < 3; ++a) part = part.narrow(part.dim() - 3 + a, begin[a], side[a]);
  return part;
}

// What is written down as replaced is evenly spread over the channel's range; all else is as it was.
void expect_noise_where_hidden(const View& view, const pictures::Sample& sample) {
  const at::Tensor hidden = view.hidden.to(at::kBool);
  EXPECT_TRUE(at::equal(view.labels, sample.labels));
  std::vector<at::Tensor> parts;
  for (int c = 0; c < 2; ++c) {
    EXPECT_TRUE(at::equal(view.image[c].masked_select(~hidden), sample.image[c].masked_select(~hidden)));
    const double low = sample.image[c].min().item<double>(), high = sample.image[c].max().item<double>();
    const at::Tensor part = (view.image[c].masked_select(hidden).to(at::kDouble) - low) / (high - low);
    EXPECT_GE(part.min().item<double>(), -1e-6);
    EXPECT_LE(part.max().item<double>(), 1 + 1e-6);
    const double error = 5 / std::sqrt(static_cast<double>(part.numel()));
    EXPECT_NEAR(part.mean().item<double>(), 0.5, 0.29 * error);
    EXPECT_NEAR((part - 0.5).pow(2).mean().item<double>(), 1.0 / 12, 0.075 * error);
    EXPECT_NEAR((part.slice(0, 1) - 0.5).mul(part.slice(0, 0, -1) - 0.5).mean().item<double>(), 0, error / 12);
    parts.push_back(part - 0.5);
  }
  EXPECT_NEAR((parts[0] * parts[1]).mean().item<double>(), 0, 0.5 / std::sqrt(static_cast<double>(parts[0].numel())));
}

TEST(Inpaint, PutsEvenNoiseOfTheChannelsRangeIntoItsBoxes) {
  const auto sample = pictures::blobs(kCase);
  const View view = changed(sample, "inpaint 3 4 1 2 3 10 9 8 8 10 9 6 6 6");
  EXPECT_EQ(view.hidden.sum().item<int>(), 10 * 9 * 8 + 6 * 6 * 6 - 3 * 1 * 2) << "the boxes overlap";
  EXPECT_TRUE(box(view.hidden, {1, 2, 3}, {10, 9, 8}).all().item<bool>());
  EXPECT_TRUE(box(view.hidden, {8, 10, 9}, {6, 6, 6}).all().item<bool>());
  expect_noise_where_hidden(view, sample);
}

TEST(Outpaint, PutsNoiseEverywhereButIntoItsBoxes) {
  const auto sample = pictures::blobs(kCase);
  const View view = changed(sample, "outpaint 3 4 1 2 3 10 9 8 8 10 9 6 6 6");
  EXPECT_EQ(view.hidden.sum().item<int>(), 20 * 22 * 24 - (10 * 9 * 8 + 6 * 6 * 6 - 3 * 1 * 2));
  EXPECT_FALSE(box(view.hidden, {1, 2, 3}, {10, 9, 8}).any().item<bool>());
  expect_noise_where_hidden(view, sample);
}

TEST(Inpaint, NoiseIsThatOfPhilox) {
  const auto sample = pictures::blobs(kCase);
  const View view = changed(sample, "inpaint 7 9 0 0 0 1 1 24");
  const float low = sample.image[1].min().item<float>(), high = sample.image[1].max().item<float>();
  for (std::uint32_t i : {0u, 5u, 22u, 23u}) {
    const std::uint32_t word = core::philox4x32({i / 4, 1, 0, 0}, {9, 7})[i % 4];
    EXPECT_NEAR(pictures::value(view.image, 1, 0, 0, i), low + (high - low) * (word / 4294967296.0), 1e-3);
  }
}

TEST(Cutout, PutsTheMeanOfTheChannelIntoItsBoxesAndTellsWhere) {
  const auto sample = pictures::blobs(kCase);
  const View view = changed(sample, "cutout 4 5 6 7 8 9");
  EXPECT_EQ(view.hidden.sum().item<int>(), 7 * 8 * 9);
  EXPECT_TRUE(box(view.hidden, {4, 5, 6}, {7, 8, 9}).all().item<bool>());
  EXPECT_TRUE(at::equal(view.labels, sample.labels));
  for (int c = 0; c < 2; ++c) {
    const at::Tensor cut = box(view.image[c], {4, 5, 6}, {7, 8, 9});
    EXPECT_TRUE((cut == cut[0][0][0]).all().item<bool>());
    EXPECT_NEAR(cut[0][0][0].item<double>(), sample.image[c].to(at::kDouble).mean().item<double>(), 1e-4);
    const at::Tensor shown = view.hidden == 0;
    EXPECT_TRUE(at::equal(view.image[c].masked_select(shown), sample.image[c].masked_select(shown)));
  }
}

TEST(Boxes, AreAsManyAndAsLargeAsTheSettingsSayAndReachEveryCorner) {
  constexpr volume::Shape kView{10, 20, 40};
  std::array<int, 4> counts{};
  bool first = false, last = false;
  for (std::uint64_t i = 0; i < 2000; ++i) {
    core::Rng rng({1, i, 0, 0});
    std::vector<double> values;
    augment::push_boxes(values, rng, kView, 3, 0.2, 0.5);
    ASSERT_EQ(values.size() % 6, 0u);
    ASSERT_LE(values.size(), 18u);
    ++counts[values.size() / 6];
    for (std::size_t a = 0; a < 3; ++a) {
      const auto extent = static_cast<double>(kView[static_cast<int>(a)]);
      EXPECT_GE(values[3 + a], 0.2 * extent);
      EXPECT_LE(values[3 + a], 0.5 * extent);
      EXPECT_GE(values[a], 0);
      EXPECT_LE(values[a] + values[3 + a], extent);
      first = first || values[a] == 0;
      last = last || values[a] + values[3 + a] == extent;
    }
  }
  EXPECT_TRUE(first && last);
  for (std::size_t i = 1; i < 4; ++i) EXPECT_NEAR(counts[i], 2000 / 3.0, 5 * std::sqrt(2000 * 2 / 9.0));
}

TEST(Boxes, AreRefusedBeyondTheViewOrWhenTheyAreNotWhole) {
  const auto sample = pictures::blobs(kCase);
  for (const char* op : {"cutout 0 0 0 21 1 1", "cutout -1 0 0 5 5 5", "cutout 0 0 20 2 2 5", "cutout 0 0 0.5 2 2 2",
                         "cutout 0 0 0 2 2 -1", "inpaint 1", "inpaint 1 2 3", "outpaint 1 2 0 0 0 1e300 1 1"}) {
    EXPECT_THROW(changed(sample, op), core::Error) << op;
  }
}

TEST(LocalShuffle, KeepsEveryValueAndKeepsChannelsTogether) {
  const auto sample = pictures::coordinates(kCase);
  const View view = changed(sample, "local_shuffle 1.5 5 5 5 1 2");
  EXPECT_FALSE(at::equal(view.image, sample.image));
  // A voxel of all three channels still is a place of the case, and each place is there once.
  const at::Tensor places = (view.image[0] * 22 + view.image[1]) * 24 + view.image[2];
  EXPECT_TRUE(at::equal(std::get<0>(places.flatten().sort()), at::arange(20 * 22 * 24, at::kFloat)));
}

TEST(LocalShuffle, HasWindowsAlikeInMillimetres) {
  volume::Frame frame;
  frame.spacing_mm = {6, 1, 1.5};
  augment::LocalShuffle settings;
  settings.chance = 1;
  settings.side = 6;
  const auto values = augment::make(settings)->draw({1, 2, 0, 0}, frame, kCase).values;
  EXPECT_EQ(std::vector<double>(values.begin() + 1, values.begin() + 4), (std::vector<double>{1, 6, 4}));
}

TEST(LocalShuffle, MovesNothingFartherThanAWindowAndAsManyVoxelsAsItsDensitySays) {
  for (const volume::Shape& shape : {volume::Shape{20, 22, 24}, volume::Shape{40, 44, 48}}) {
    const auto sample = pictures::coordinates(shape);
    augment::LocalShuffle settings;
    settings.chance = 1;
    settings.density_low = settings.density_high = 0.05;
    settings.side = 4;
    const augment::Recipe recipe{shape, {augment::make_op("crop"), augment::make(settings)}};
    double moved = 0;
    constexpr int kViews = 8;
    for (std::uint64_t i = 0; i < kViews; ++i) {
      const at::Tensor away = pictures::apply(recipe.draw(sample.frame, 1, i, 0), sample).image - sample.image;
      moved += away.abs().amax(0).gt(0).to(at::kDouble).mean().item<double>() / kViews;
      // Few windows overlap, so hardly a voxel went through two of them.
      EXPECT_LT(away.abs().gt(3).to(at::kDouble).mean().item<double>(), 0.003);
      EXPECT_GT(away.abs().max().item<float>(), 2);
    }
    // A window of n voxels leaves one of them in its place on average: a bit less than the density moves.
    EXPECT_GT(moved, 0.035);
    EXPECT_LT(moved, 0.05);
  }
}

TEST(Swap, PutsEachBoxWhereTheOtherWas) {
  const auto sample = pictures::coordinates(kCase);
  const View view = changed(sample, "swap 3 4 5 1 2 3 10 11 12");
  EXPECT_TRUE(at::equal(box(view.image, {1, 2, 3}, {3, 4, 5}), box(sample.image, {10, 11, 12}, {3, 4, 5})));
  EXPECT_TRUE(at::equal(box(view.image, {10, 11, 12}, {3, 4, 5}), box(sample.image, {1, 2, 3}, {3, 4, 5})));
  EXPECT_EQ((view.image[2] != sample.image[2]).sum().item<std::int64_t>(), 2 * 3 * 4 * 5);
}

TEST(Swap, DrawsAsManyPairsAsItIsToldThatNeverMeetAndLosesNoValue) {
  const auto sample = pictures::coordinates(kCase);
  augment::Swap settings;
  settings.pairs = 7;
  settings.side_low = 0.2;
  settings.side_high = 0.3;
  const augment::Recipe recipe{kCase, {augment::make_op("crop"), augment::make(settings)}};
  for (std::uint64_t i = 0; i < 20; ++i) {
    const augment::Drawing drawing = recipe.draw(sample.frame, 1, i, 0);
    const std::vector<double>& values = drawing.ops[1].values;
    ASSERT_EQ(values.size(), 7u * 9);
    for (std::size_t at = 0; at < values.size(); at += 9) {
      bool apart = false;
      for (std::size_t a = 0; a < 3; ++a) {
        const auto extent = static_cast<double>(kCase[static_cast<int>(a)]);
        EXPECT_GE(values[at + a], std::round(0.2 * extent));
        EXPECT_LE(values[at + a], std::round(0.3 * extent));
        apart = apart || std::abs(values[at + 3 + a] - values[at + 6 + a]) >= values[at + a];
      }
      EXPECT_TRUE(apart);
    }
    const View view = pictures::apply(drawing, sample);
    const at::Tensor places = (view.image[0] * 22 + view.image[1]) * 24 + view.image[2];
    EXPECT_TRUE(at::equal(std::get<0>(places.flatten().sort()), at::arange(20 * 22 * 24, at::kFloat)));
  }
}

TEST(Swap, RefusesBoxesThatMeetOrLieBeyondTheView) {
  const auto sample = pictures::blobs(kCase);
  for (const char* op : {"swap 3 3 3 0 0 0 2 2 2", "swap 3 3 3 0 0 0 18 2 2", "swap 0 3 3 0 0 0 9 9 9",
                         "swap 3 3 3 -1 0 0 9 9 9", "swap 3 3 3 0 0 0 9 9", "swap 3 3 2.5 0 0 0 9 9 9"}) {
    EXPECT_THROW(changed(sample, op), core::Error) << op;
  }
}

TEST(OneOf, LetsEachActAsOftenAsItsChanceSaysAndNeverTwo) {
  const auto sample = pictures::blobs(kCase);
  augment::Inpaint in;
  augment::Outpaint out;
  in.chance = out.chance = 1;
  const augment::Recipe recipe{
      kCase, {augment::make_op("crop"), augment::one_of({{0.6, augment::make(out)}, {0.3, augment::make(in)}})}};
  std::map<std::string, int> counts;
  for (std::uint64_t i = 0; i < 2000; ++i) {
    const augment::Drawing drawing = recipe.draw(sample.frame, 5, i, 0);
    ASSERT_EQ(drawing.ops.size(), 2u);
    ++counts[drawing.ops[1].skipped() ? "none" : drawing.ops[1].op];
    if (i < 20) {
      EXPECT_TRUE(
          pictures::same(pictures::apply(augment::parse(drawing.line()), sample), pictures::apply(drawing, sample)));
    }
  }
  EXPECT_NEAR(counts["outpaint"], 1200, 5 * std::sqrt(2000 * 0.6 * 0.4));
  EXPECT_NEAR(counts["inpaint"], 600, 5 * std::sqrt(2000 * 0.3 * 0.7));
  EXPECT_NEAR(counts["none"], 200, 5 * std::sqrt(2000 * 0.1 * 0.9));
}

TEST(OneOf, RefusesChancesAboveOneAndOpsThatPick) {
  const augment::OpPointer box = augment::make(augment::Inpaint{});
  EXPECT_THROW(augment::one_of({}), core::Error);
  EXPECT_THROW(augment::one_of({{0.6, box}, {0.5, box}}), core::Error);
  EXPECT_THROW(augment::one_of({{-0.1, box}}), core::Error);
  EXPECT_THROW(augment::one_of({{0.5, augment::make_op("crop")}}), core::Error);
}

}  // namespace
