#include "evaluate/sliding_window.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"

using evaluate::sliding_window;
using evaluate::SlidingOptions;

namespace {

using Extent = std::array<std::int64_t, 3>;

at::Tensor picture(at::IntArrayRef shape, std::uint64_t seed = 1) {
  auto generator = at::detail::createCPUGenerator(seed);
  return at::randn(shape, generator);
}

at::Tensor same(const at::Tensor& windows) { return windows.clone(); }

}  // namespace

TEST(WindowStarts, AreEvenAndReachBothEnds) {
  using evaluate::window_starts;
  EXPECT_EQ(window_starts(10, 10, 0.5), (std::vector<std::int64_t>{0}));
  EXPECT_EQ(window_starts(7, 10, 0.5), (std::vector<std::int64_t>{0}));
  EXPECT_EQ(window_starts(20, 10, 0.5), (std::vector<std::int64_t>{0, 5, 10}));
  EXPECT_EQ(window_starts(21, 10, 0.5), (std::vector<std::int64_t>{0, 4, 7, 11}));
  EXPECT_EQ(window_starts(20, 10, 0), (std::vector<std::int64_t>{0, 10}));
  EXPECT_EQ(window_starts(5, 1, 0.5), (std::vector<std::int64_t>{0, 1, 2, 3, 4}));
  for (std::int64_t size = 1; size < 60; ++size) {
    for (const double overlap : {0.0, 0.3, 0.5, 0.75}) {
      const auto starts = window_starts(size, 12, overlap);
      EXPECT_EQ(starts.front(), 0);
      EXPECT_EQ(starts.back(), std::max<std::int64_t>(0, size - 12));
      for (std::size_t i = 1; i < starts.size(); ++i) {
        EXPECT_GT(starts[i], starts[i - 1]);
        EXPECT_LE(static_cast<double>(starts[i] - starts[i - 1]), 12 * (1 - overlap) + 1e-9);
      }
    }
  }
}

TEST(SlidingWindow, AConstantComesOutBitForBit) {
  const at::Tensor image = picture({2, 19, 23, 17});
  for (const Extent window : {Extent{8, 8, 8}, Extent{19, 6, 10}, Extent{32, 9, 5}, Extent{7, 40, 40}}) {
    const at::Tensor result = sliding_window(
        image, window, 3,
        [](const at::Tensor& windows) {
          at::Tensor constant = at::empty({windows.size(0), 3, windows.size(2), windows.size(3), windows.size(4)});
          constant.select(1, 0).fill_(0.1F);
          constant.select(1, 1).fill_(0.7F);
          constant.select(1, 2).fill_(-3.3F);
          return constant;
        },
        {.mirror = {true, false, true}});
    ASSERT_EQ(result.sizes(), (at::IntArrayRef{3, 19, 23, 17}));
    EXPECT_TRUE(at::equal(result[0], at::full({19, 23, 17}, 0.1F)));
    EXPECT_TRUE(at::equal(result[1], at::full({19, 23, 17}, 0.7F)));
    EXPECT_TRUE(at::equal(result[2], at::full({19, 23, 17}, -3.3F)));
  }
}

TEST(SlidingWindow, WhatIsToldVoxelByVoxelComesOutBitForBitWhateverTheWindow) {
  const at::Tensor image = picture({2, 11, 30, 14});
  for (const Extent window : {Extent{4, 8, 6}, Extent{11, 30, 14}, Extent{16, 16, 16}, Extent{5, 64, 3}}) {
    for (const bool mirror : {false, true}) {
      for (const std::int64_t batch : {1, 3}) {
        SlidingOptions options;
        options.mirror = {mirror, mirror, mirror};
        options.batch = batch;
        EXPECT_TRUE(at::equal(sliding_window(image, window, 2, same, options), image));
      }
    }
  }
}

TEST(SlidingWindow, SeesZerosBeyondASmallPictureWhichLiesInTheMiddle) {
  const at::Tensor image = at::ones({1, 3, 4, 5});
  at::Tensor seen;
  sliding_window(image, {6, 4, 8}, 1, [&](const at::Tensor& windows) { return seen = windows.clone(); });
  ASSERT_EQ(seen.sizes(), (at::IntArrayRef{1, 1, 6, 4, 8}));
  EXPECT_EQ(seen.sum().item<double>(), 60);
  EXPECT_TRUE(at::equal(seen[0][0].narrow(0, 1, 3).narrow(2, 1, 5), at::ones({3, 4, 5})));
}

TEST(SlidingWindow, IsTheGaussianMeanOfTheWindowsComputedPlainly) {
  const at::Tensor image = picture({1, 9, 12, 10});
  const Extent window{6, 5, 4};
  const auto predict = [](const at::Tensor& windows) {  // depends on the place in the window
    const at::Tensor ramp = at::linspace(0, 1, windows[0].numel()).reshape(windows[0].sizes());
    return windows + ramp;
  };
  at::Tensor sum = at::zeros({1, 9, 12, 10}, at::kDouble), weight = at::zeros({9, 12, 10}, at::kDouble);
  at::Tensor gauss = at::ones({6, 5, 4}, at::kDouble);
  for (std::int64_t a = 0; a < 3; ++a) {
    const double n = static_cast<double>(window[static_cast<std::size_t>(a)]);
    const at::Tensor x = (at::arange(n, at::kDouble) - (n - 1) / 2) / (n / 8);
    std::vector<std::int64_t> shape{1, 1, 1};
    shape[static_cast<std::size_t>(a)] = -1;
    gauss = gauss * (x * x * -0.5).exp().reshape(shape);
  }
  for (const auto d : evaluate::window_starts(9, 6, 0.5))
    for (const auto h : evaluate::window_starts(12, 5, 0.5))
      for (const auto w : evaluate::window_starts(10, 4, 0.5)) {
        const auto cut = [&](const at::Tensor& t) {
          const std::int64_t first = t.dim() - 3;
          return t.narrow(first, d, 6).narrow(first + 1, h, 5).narrow(first + 2, w, 4);
        };
        cut(sum).add_(predict(cut(image).unsqueeze(0))[0].to(at::kDouble) * gauss);
        cut(weight).add_(gauss);
      }
  const at::Tensor result = sliding_window(image, window, 1, predict);
  EXPECT_LT((result - sum / weight).abs().max().item<double>(), 1e-5);
}

TEST(SlidingWindow, MirroringMakesAPredictionThatDoesNotKnowLeftFromRight) {
  const at::Tensor image = picture({1, 8, 10, 12});
  const auto lopsided = [](const at::Tensor& windows) { return windows * at::linspace(0, 1, windows.size(4)); };
  const auto run = [&](const at::Tensor& of, bool mirror) {
    return sliding_window(of, {8, 10, 6}, 1, lopsided, {.mirror = {false, false, mirror}});
  };
  const auto difference = [&](bool mirror) {
    return (run(image.flip({3}), mirror).flip({3}) - run(image, mirror)).abs().max().item<double>();
  };
  EXPECT_GT(difference(false), 0.1);
  EXPECT_LT(difference(true), 1e-5);
}

TEST(SlidingWindow, ProbabilitiesStillSumToOneAndSlabsAreTheWhole) {
  const at::Tensor image = picture({3, 21, 10, 9});
  const auto predict = [](const at::Tensor& windows) {
    return at::softmax(windows + at::linspace(0, 1, windows.size(3)).unsqueeze(1), 1);
  };
  const at::Tensor whole = sliding_window(image, {8, 6, 6}, 3, predict);
  EXPECT_LT((whole.sum(0) - 1).abs().max().item<double>(), 1e-6);
  std::int64_t next = 0, watched = 0;
  SlidingOptions options;
  options.watch = [&](std::int64_t done, std::int64_t all) {
    EXPECT_EQ(done, watched + 1);
    EXPECT_LE(done, all);
    watched = done;
  };
  evaluate::sliding_window_slabs(image, {8, 6, 6}, 3, predict, options,
                                 [&](std::int64_t first, const at::Tensor& slices) {
                                   EXPECT_EQ(first, next);
                                   EXPECT_TRUE(at::equal(slices, whole.narrow(1, first, slices.size(1))));
                                   next = first + slices.size(1);
                                 });
  EXPECT_EQ(next, 21);
  EXPECT_EQ(watched, 5 * 3 * 2);
  EXPECT_THROW(sliding_window(image, {8, 6, 6}, 3, predict, {.overlap = 1}), core::Error);
}

TEST(LabelMap, IsTheMostProbableClassAndTheFirstAmongEquals) {
  const at::Tensor probabilities = at::tensor({0.2, 0.5, 0.4, 0.7, 0.5, 0.1, 0.1, 0.0, 0.5}).reshape({3, 1, 1, 3});
  volume::Geometry geometry;
  geometry.origin_mm = {1, 2, 3};
  const volume::Volume map = evaluate::label_map_of(probabilities, geometry);
  EXPECT_EQ(map.type(), volume::VoxelType::kUInt8);
  EXPECT_EQ(map.geometry.origin_mm[1], 2);
  const auto voxels = map.voxels<std::uint8_t>();
  EXPECT_EQ((std::vector<int>(voxels.begin(), voxels.end())), (std::vector<int>{1, 0, 2}));
  const volume::Volume many = evaluate::label_map_of(at::eye(300).reshape({300, 1, 1, 300}), geometry);
  EXPECT_EQ(many.voxels<std::uint16_t>()[299], 299);
}
