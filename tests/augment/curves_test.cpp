// The ops that send a channel's values through a curve.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "augment/curve_rows.h"
#include "augment/ops/histogram_shift.h"
#include "core/error.h"
#include "pictures.h"

namespace {

using augment::View;

constexpr volume::Shape kCase{12, 14, 16};

View changed(const pictures::Sample& sample, const std::string& op) {
  return pictures::apply(augment::parse("view 12 14 16 12 14 16 | crop 0 0 0 | " + op), sample);
}
// Channel 0 rises from -1 to 3 in even steps, channel 1 is its mirror image times 100.
pictures::Sample ramp() {
  auto sample = pictures::blobs(kCase);
  const at::Tensor part = at::arange(kCase.voxels(), at::kDouble) / static_cast<double>(kCase.voxels() - 1);
  sample.image[0].copy_((part * 4 - 1).reshape({12, 14, 16}));
  sample.image[1].copy_((100 - part * 100).reshape({12, 14, 16}));
  return sample;
}
at::Tensor part_of(const at::Tensor& channel, double low, double high) {
  return (channel.to(at::kDouble).flatten() - low) / (high - low);
}

TEST(CurveRows, FollowTheTableWhateverTheirLength) {
  const std::vector<float> added{0, 30, -5, 7, 0.5f};
  constexpr float kLow = -20, kHigh = 60;
  for (const std::size_t size : {1u, 2u, 7u, 8u, 9u, 31u, 64u, 1000u, 4097u}) {
    core::Rng rng({size, 0, 0, 0});
    std::vector<float> row(size);
    for (float& voxel : row) voxel = static_cast<float>(rng.uniform(-40, 80));
    row[0] = kHigh;
    std::vector<float> out = row;
    augment::follow_curve(out, kLow, kHigh, added);
    for (std::size_t i = 0; i < size; ++i) {
      const double at = std::clamp((static_cast<double>(row[i]) - kLow) / 20, 0.0, 4.0);
      const std::size_t cell = std::min<std::size_t>(static_cast<std::size_t>(at), 3);
      const double more = std::lerp<double>(added[cell], added[cell + 1], at - static_cast<double>(cell));
      EXPECT_NEAR(out[i], std::clamp(row[i] + more, -20.0, 60.0), 2e-5) << row[i];
    }
  }
}

TEST(CurveRows, ATableOfNothingChangesNoBit) {
  core::Rng rng({5, 0, 0, 0});
  std::vector<float> row(1003);
  for (float& voxel : row) voxel = static_cast<float>(rng.uniform(-1000, 3000));
  std::vector<float> out = row;
  augment::follow_curve(out, *std::ranges::min_element(row), *std::ranges::max_element(row),
                        std::vector<float>(257, 0.0f));
  EXPECT_EQ(out, row);
}

TEST(Curve, IsTheBezierCurveOfItsControlPoints) {
  const auto sample = ramp();
  // With x at a third and two thirds the parameter is x: y = 3 x^2 - 2 x^3, and y = x^3 where both y are 0.
  const View view = changed(sample,
                            "curve 0.3333333333333333 0 0.6666666666666666 1 0 0.3333333333333333 0 "
                            "0.6666666666666666 0 1");
  constexpr double kStraight = 6.0 / 8 / 256 / 256 + 1e-6;  // the table's cells are straight, its second slope is 6
  const at::Tensor x = part_of(sample.image[0], -1, 3), other = part_of(sample.image[1], 0, 100);
  EXPECT_TRUE(at::allclose(part_of(view.image[0], -1, 3), 3 * x * x - 2 * x * x * x, 0, kStraight));
  EXPECT_TRUE(at::allclose(part_of(view.image[1], 0, 100), 1 - other * other * other, 0, kStraight)) << "upside down";
  // By hand: control points (0, 1) and (0, 1) give x = t^3, y = 1 - (1 - t)^3; at x = 1/8 that is 7/8.
  const View steep = changed(sample, "curve 0 1 0 1 0 0 1 0 1 0");
  const at::Tensor away = (x - 0.125).abs();
  const double y = part_of(steep.image[0], -1, 3)[away.argmin()].item<double>();
  EXPECT_NEAR(y, 0.875, 1e-3);
}

TEST(Curve, KeepsTheRangeAndTheOrderOrTurnsItAround) {
  const auto sample = ramp();
  augment::Recipe recipe{kCase, {augment::make_op("crop"), augment::make_op("curve", {})}};
  int turned = 0, acted = 0;
  for (std::uint64_t i = 0; i < 400; ++i) {
    const augment::Drawing drawing = recipe.draw(sample.frame, 3, i, 0);
    if (drawing.ops[1].skipped()) continue;
    ++acted;
    const bool falls = drawing.ops[1].values[4] == 1;
    turned += falls ? 1 : 0;
    if (i > 40) continue;
    const at::Tensor steps = pictures::apply(drawing, sample).image[0].flatten().diff();
    EXPECT_TRUE(((falls ? -steps : steps) >= -1e-6).all().item<bool>()) << drawing.line();
    const at::Tensor channel = pictures::apply(drawing, sample).image[0];
    EXPECT_NEAR(channel.min().item<float>(), -1, 1e-5);
    EXPECT_NEAR(channel.max().item<float>(), 3, 1e-5);
  }
  EXPECT_NEAR(turned, acted / 4.0, 5 * std::sqrt(acted * 3 / 16.0));
}

TEST(HistogramShift, SendsEvenlySpacedValuesToThePlacesDrawnAndIsStraightBetween) {
  const auto sample = ramp();
  const View view = changed(sample, "histogram_shift 4 0.1 0.9 0.5 0.5");
  const at::Tensor x = part_of(sample.image[0], -1, 3), y = part_of(view.image[0], -1, 3);
  const at::Tensor truth =
      at::where(x < 1.0 / 3, 0.3 * x, at::where(x < 2.0 / 3, 0.1 + 2.4 * (x - 1.0 / 3), 0.9 + 0.3 * (x - 2.0 / 3)));
  EXPECT_TRUE(at::allclose(y, truth, 0, 1e-5));
  const at::Tensor flat = part_of(view.image[1], 0, 100), from = part_of(sample.image[1], 0, 100);
  const at::Tensor middle = flat.masked_select((from > 0.34) & (from < 0.66));
  EXPECT_TRUE(at::allclose(middle, at::full_like(middle, 0.5), 0, 1e-6)) << "two points may meet";
}

TEST(HistogramShift, DrawsAsManyPointsAsTheSettingsSayInOrderAndNearTheirPlacesWhenWeak) {
  volume::Frame frame;
  frame.channels = 2;
  augment::HistogramShift settings;
  settings.chance = 1;
  settings.points_low = 4;
  settings.points_high = 6;
  std::array<int, 7> counts{};
  for (const double strength : {0.1, 1.0}) {
    settings.strength = strength;
    const augment::OpPointer op = augment::make(settings);
    for (std::uint64_t i = 0; i < 600; ++i) {
      const auto values = op->draw({1, i, 0, 0}, frame, kCase).values;
      const auto inner = static_cast<std::size_t>(values[0]) - 2;
      ASSERT_EQ(values.size(), 1 + 2 * inner);
      ++counts[inner + 2];
      for (std::size_t k = 0; k < inner; ++k) {
        const double even = static_cast<double>(k + 1) / static_cast<double>(inner + 1);
        EXPECT_LE(std::abs(values[1 + k] - even), strength);
        if (k > 0) {
          EXPECT_GE(values[1 + k], values[k]);
        }
      }
    }
  }
  for (std::size_t n = 4; n <= 6; ++n) EXPECT_NEAR(counts[n], 400, 5 * std::sqrt(1200 * 2 / 9.0));
}

TEST(Curves, RefuseWhatIsNoCurve) {
  const auto sample = ramp();
  for (const char* op : {"curve 0 0 1 1 0 0 0 1 1.5 0", "histogram_shift 4 0.9 0.1 0.5 0.5",
                         "histogram_shift 3 0.5 1.5", "histogram_shift 2", "histogram_shift 4 0.1 0.9"}) {
    EXPECT_THROW(changed(sample, op), core::Error) << op;
  }
  augment::HistogramShift settings;
  settings.points_low = 20;
  EXPECT_THROW(augment::make(settings), core::Error);
}

TEST(Curves, LeaveAnEvenChannelEven) {
  auto sample = ramp();
  sample.image.fill_(7);
  for (const char* op : {"curve 0 1 0 1 1 0 1 0 1 0", "histogram_shift 3 0.9 0.1"}) {
    EXPECT_TRUE(at::equal(changed(sample, op).image, sample.image));
  }
}

}  // namespace
