#include "models/unfold.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "models/blocks.h"
#include "models/layout.h"

namespace {

using models::Extent;

at::Tensor wave(at::IntArrayRef sizes, double phase) {
  std::int64_t count = 1;
  for (const std::int64_t size : sizes) count *= size;
  return at::sin(at::arange(count, at::kDouble) * 0.7 + phase).view(sizes).to(at::kFloat);
}

TEST(Unfold, ABlockLiesInTheOrderOfItsVoxelsAndBesideFollows) {
  // One voxel of two numbers a block along the width: {left, right}, then the picture beside.
  const at::Tensor x = at::tensor({1.0f, 3.0f, 2.0f, 4.0f}).view({1, 2, 1, 1, 2});  // voxels {1, 2} and {3, 4}
  const at::Tensor beside = at::tensor({7.0f, 8.0f, 9.0f}).view({1, 1, 1, 1, 3});
  const at::Tensor y = models::unfold_beside(x, {1, 1, 2}, beside);
  EXPECT_TRUE(at::equal(y.select(1, 0).flatten(), at::tensor({1.0f, 2.0f, 3.0f})));  // the fourth is cut off
  EXPECT_TRUE(at::equal(y.select(1, 1).flatten(), beside.flatten()));
}

TEST(Unfold, ValuesAndGradientsAreThoseOfTorchsOperations) {
  const Extent stride{1, 2, 3};
  for (const bool cut : {false, true}) {
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16, at::kDouble}) {
      const at::Tensor x = wave({2, 6 * 5, 3, 4, 2}, 0).to(type);
      const at::Tensor beside = wave({2, 3, 3, cut ? 7 : 8, cut ? 4 : 6}, 1).to(type);
      std::vector<std::vector<at::Tensor>> seen;
      for (const bool ours : {true, false}) {
        const at::Tensor a = x.clone().requires_grad_(), b = beside.clone().requires_grad_();
        const at::Tensor y = ours ? models::unfold_beside(a, stride, b) : models::unfold_beside_plain(a, stride, b);
        y.backward(wave(y.sizes(), 2).to(type));
        seen.push_back({y.detach(), a.grad(), b.grad()});
      }
      for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(at::equal(seen[0][i], seen[1][i])) << i;
      EXPECT_TRUE(seen[0][0].is_contiguous(at::MemoryFormat::ChannelsLast3d));
    }
  }
}

// What nnU-Net's decoder does in three operations.
TEST(UpConv, IsTorchsTransposedConvolutionCutAndJoined) {
  at::manual_seed(3);
  const models::UpConv up(6, 4, {2, 2, 1});
  const at::NoGradGuard no_gradient;
  up.bias.copy_(wave({4}, 1));
  const at::Tensor x = wave({2, 6, 3, 4, 5}, 0), beside = wave({2, 4, 5, 8, 5}, 2);
  const at::Tensor large = at::conv_transpose3d(x, up.weight, up.bias, up.stride);
  EXPECT_LE((up.forward(x) - large).abs().max().item<double>(), 1e-5);
  const at::Tensor joined = at::cat({large.narrow(2, 0, 5), beside}, 1);
  EXPECT_LE((up.forward(x, beside) - joined).abs().max().item<double>(), 1e-5);
}

TEST(Layout, ChannelsLastOfOneChannelSaysSoInItsStridesAndSharesMemory) {
  const at::Tensor x = wave({2, 1, 3, 4, 5}, 0);
  const at::Tensor y = models::channels_last(x);
  EXPECT_EQ(y.suggest_memory_format(), at::MemoryFormat::ChannelsLast3d);
  EXPECT_EQ(y.data_ptr(), x.data_ptr());
  EXPECT_TRUE(at::equal(x, y));
}

TEST(Layout, VoxelwiseIsAConvolutionOfOneVoxel) {
  for (const std::int64_t outputs : {1, 7}) {
    const at::Tensor x = wave({2, 5, 3, 4, 6}, 0), weight = wave({outputs, 5}, 1), bias = wave({outputs}, 2);
    const at::Tensor y = models::voxelwise(x, weight, bias);
    EXPECT_LE((y - at::conv3d(x, weight.view({outputs, 5, 1, 1, 1}), bias)).abs().max().item<double>(), 1e-5);
    EXPECT_TRUE(y.is_contiguous(at::MemoryFormat::ChannelsLast3d));
  }
}

// A layer that answers in the other layout costs a copy of every voxel, forward and backward.
TEST(Layout, EveryConvolutionAnswersInChannelsLast) {
  at::manual_seed(3);
  for (const std::int64_t in : {1, 6}) {
    for (const std::int64_t kernel : {1, 3}) {
      const models::Conv conv(in, 6, {kernel, kernel, kernel}, {1, 1, 1}, true);
      const at::Tensor x = wave({2, in, 6, 6, 6}, 0);
      const at::Tensor y = conv.forward(x);
      EXPECT_TRUE(y.is_contiguous(at::MemoryFormat::ChannelsLast3d)) << in << " " << kernel;
    }
  }
}

}  // namespace
