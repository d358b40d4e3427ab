#include "models/visible.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/utils.h>

#include <cmath>

#include "models/norm.h"

namespace {

// Three stages of which the second halves two axes, with group normalisation where groups is not 0.
std::shared_ptr<models::ConvEncoder> encoder(std::int64_t groups, std::int64_t bottleneck = 1) {
  torch::manual_seed(1);
  models::ConvPlan plan;
  plan.stages = {{{1, 1, 1}, {3, 3, 3}}, {{1, 2, 2}, {3, 3, 3}}, {{2, 2, 2}, {3, 3, 3}}};
  plan.channels = {4, 8, 8};
  plan.blocks = {1, 2, 1};
  plan.between.groups = groups;
  plan.bottleneck = bottleneck;
  auto made = std::make_shared<models::ConvEncoder>(plan, models::Input{2, {8, 8, 8}, {1, 1, 1}});
  // The last norm of a block begins at 0: then half of the network would not be tested.
  const at::NoGradGuard no_gradient;
  for (at::Tensor& parameter : made->parameters()) {
    if (parameter.dim() == 1) parameter.add_(0.3 * at::randn_like(parameter));
  }
  return made;
}

// Blocks of 2 x 4 x 4.
at::Tensor some_visible() {
  const at::Tensor blocks = at::tensor({1, 0, 0, 1, 1, 0, 1, 1, 0, 0, 1, 0, 0, 1, 0, 1}).view({1, 1, 4, 2, 2});
  return blocks.repeat_interleave(2, 2).repeat_interleave(4, 3).repeat_interleave(4, 4);
}

class EachNorm : public testing::TestWithParam<std::int64_t> {};

}  // namespace

TEST_P(EachNorm, WithEverythingVisibleItIsTheEncoder) {
  for (const std::int64_t bottleneck : {1, 2}) {
    const auto made = encoder(GetParam(), bottleneck);
    const at::Tensor image = at::randn({2, 2, 8, 8, 8}), all = at::ones({2, 1, 8, 8, 8});
    const auto plain = made->features(image), sparse = models::visible_features(*made, image, all);
    ASSERT_EQ(sparse.size(), plain.size());
    for (std::size_t s = 0; s < plain.size(); ++s) EXPECT_TRUE(at::allclose(sparse[s], plain[s], 1e-4, 1e-5)) << s;
  }
}

TEST_P(EachNorm, NothingOfAHiddenVoxelReachesAFeature) {
  for (const std::int64_t bottleneck : {1, 2}) {
    const auto made = encoder(GetParam(), bottleneck);
    const at::Tensor image = at::randn({1, 2, 8, 8, 8}), visible = some_visible();
    const auto features = models::visible_features(*made, image, visible);
    const auto poisoned = models::visible_features(*made, image.masked_fill(visible == 0, std::nan("")), visible);
    for (std::size_t s = 0; s < features.size(); ++s) {
      const at::Tensor hidden = models::visible_at(visible, made->stride()[s]) == 0;
      EXPECT_TRUE(at::equal(poisoned[s], features[s])) << s;
      EXPECT_EQ(features[s].masked_select(hidden).abs().max().item<double>(), 0);
      EXPECT_GT(features[s].masked_select(~hidden).abs().min().item<double>(), 0);
    }
  }
}

// A hidden half is as if it were not there at all, but for the voxels along the cut: with convolutions of one voxel
// there are none, and the features of the visible half are those of the half alone.
TEST(VisibleFeatures, AHiddenHalfIsAsIfThePictureEndedThere) {
  torch::manual_seed(2);
  models::ConvPlan plan;
  plan.stages = {{{1, 1, 1}, {1, 1, 1}}, {{2, 2, 2}, {1, 1, 1}}};
  plan.channels = {4, 6};
  plan.blocks = {1, 1};
  models::ConvEncoder made(plan, {1, {8, 8, 8}, {1, 1, 1}});
  const at::Tensor image = at::randn({1, 1, 8, 8, 8});
  at::Tensor visible = at::ones({1, 1, 8, 8, 8});
  visible.slice(2, 4).zero_();
  const auto whole = models::visible_features(made, image, visible), half = made.features(image.slice(2, 0, 4));
  for (std::size_t s = 0; s < half.size(); ++s)
    EXPECT_TRUE(at::allclose(whole[s].slice(2, 0, half[s].size(2)), half[s], 1e-4, 1e-5)) << s;
}

TEST_P(EachNorm, StatisticsAreOfTheVisibleVoxelsAlone) {
  const at::Tensor x = at::randn({2, 4, 4, 4, 4}, at::kDouble) * 3 + 5, weight = at::rand({4}, at::kDouble),
                   bias = at::rand({4}, at::kDouble);
  const std::int64_t groups = GetParam() == 0 ? 4 : GetParam();
  at::Tensor visible = at::ones({2, 1, 4, 4, 4});
  visible.slice(2, 2).zero_();
  const at::Tensor seen =
      models::norm_leaky_plain(x.slice(2, 0, 2), weight, bias, groups, 0.01, x.slice(2, 0, 2) * 0.1);
  const at::Tensor normed = models::norm_leaky_visible(x, visible, weight, bias, groups, 0.01, x * 0.1);
  EXPECT_TRUE(at::allclose(normed.slice(2, 0, 2), seen, 1e-6, 1e-8));
  EXPECT_EQ(normed.slice(2, 2).abs().max().item<double>(), 0);
}

INSTANTIATE_TEST_SUITE_P(VisibleFeatures, EachNorm, testing::Values(0, 2),
                         [](const auto& info) { return info.param == 0 ? "instance" : "groups"; });

TEST(VisibleFeatures, ASampleOfWhichNothingIsVisibleIsZeroAndFinite) {
  const auto made = encoder(0);
  for (const at::Tensor& scale :
       models::visible_features(*made, at::randn({1, 2, 8, 8, 8}), at::zeros({1, 1, 8, 8, 8})))
    EXPECT_EQ(scale.abs().max().item<double>(), 0);
}
