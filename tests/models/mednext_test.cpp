// MedNeXt beside MONAI's own (tests/golden/mednext.py).
#include "models/mednext.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "core/error.h"
#include "golden_chirp.h"
#include "models/decoder.h"
#include "slope.h"

namespace {

using models::Extent;

const models::Input kInput{2, {16, 24, 16}, {1, 1, 1}};

std::shared_ptr<models::Mednext> mednext(const models::Input& input, const std::vector<std::string>& arguments) {
  const auto settings = models::encoder_named("mednext").settings();
  std::vector<core::Setting> given;
  for (const std::string& each : arguments) given.push_back(core::setting_from_argument(each));
  core::configure(settings->slots(), given);
  at::manual_seed(1);
  return std::dynamic_pointer_cast<models::Mednext>(settings->make(input));
}

class MednextGolden : public testing::TestWithParam<std::pair<std::string, std::vector<std::string>>> {};

TEST_P(MednextGolden, NamesShapesAndOutputsAreMonais) {
  const auto encoder = mednext(kInput, GetParam().second);
  const auto decoder = models::make_decoder(*encoder, kInput, 3, /*deep_supervision=*/true);
  auto ours = golden::by_name(*encoder);
  ours.merge(golden::by_name(*decoder));
  const golden::Network peer = golden::networks(GADOLIN_GOLDEN "/mednext.txt").at(GetParam().first);
  golden::fill(ours, peer);
  ASSERT_FALSE(HasFatalFailure());
  const at::NoGradGuard no_gradient;
  const at::Tensor image = golden::image({2, 2, 16, 24, 16});
  std::vector<at::Tensor> maps = encoder->features(image);
  for (const at::Tensor& map : decoder->maps(encoder->features(image), image)) maps.push_back(map);
  golden::expect_maps(peer, maps, 197, 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Settings, MednextGolden,
                         testing::Values(
                             std::pair<std::string, std::vector<std::string>>{
                                 "plain", {"base=6", "blocks=[1, 2, 1]", "expansion=[2, 3, 4]"}},
                             std::pair<std::string, std::vector<std::string>>{
                                 "responses",
                                 {"base=6", "blocks=[1, 2, 1]", "expansion=[2, 2, 2]", "kernel=5", "responses=true"}}),
                         [](const auto& each) { return each.param.first; });

// Table 1 of the paper counts the parameters of the whole network, with kernels of 3.
TEST(Mednext, SizesHaveThePapersParameters) {
  for (const auto& [size, millions] : {std::pair{"S", 5.6}, std::pair{"B", 10.5}, std::pair{"M", 17.6}}) {
    const models::Input input{1, {128, 128, 128}, {1, 1, 1}};
    const auto encoder = mednext(input, {std::string("size=") + size});
    const auto decoder = models::make_decoder(*encoder, input, 2, false);
    std::int64_t count = 0;
    for (const at::Tensor& each : encoder->parameters()) count += each.numel();
    for (const at::Tensor& each : decoder->parameters()) count += each.numel();
    EXPECT_NEAR(static_cast<double>(count) * 1e-6, millions, 0.05 * millions) << size;
  }
}

TEST(Mednext, KernelsHaveOneVoxelAlongAnAxisOfThickSlices) {
  const auto encoder = mednext({1, {8, 32, 32}, {5, 1, 1}}, {"base=4", "kernel=5"});
  const auto named = encoder->named_parameters();
  EXPECT_EQ(named["enc_stages.0.0.conv1.weight"].sizes(), (std::vector<std::int64_t>{4, 1, 1, 5, 5}));
  EXPECT_EQ(named["bottleneck.0.conv1.weight"].size(2), 5);
  EXPECT_EQ(encoder->stride().at(1), (Extent{1, 2, 2}));
}

TEST(Mednext, StagesAreLayersAndResponsesAreSpared) {
  const auto encoder = mednext(kInput, {"base=4", "responses=true"});
  EXPECT_EQ(encoder->layers(), 4);
  EXPECT_EQ(encoder->layer_of("stem.weight"), 0);
  EXPECT_EQ(encoder->layer_of("enc_stages.0.1.conv2.weight"), 1);
  EXPECT_EQ(encoder->layer_of("down_blocks.0.conv1.weight"), 2);
  EXPECT_EQ(encoder->layer_of("enc_stages.1.0.norm.bias"), 2);
  EXPECT_EQ(encoder->layer_of("down_blocks.1.res_conv.bias"), 3);
  EXPECT_EQ(encoder->layer_of("bottleneck.1.conv3.weight"), 3);
  std::set<std::string> spared, expected;
  for (const auto& each : encoder->named_parameters()) {
    for (const at::Tensor& one : encoder->spared_from_decay())
      if (one.is_same(each.value())) spared.insert(each.key());
    if (each.key().find("global_resp_") != std::string::npos) expected.insert(each.key());
  }
  EXPECT_EQ(expected.size(), 12u);
  EXPECT_EQ(spared, expected);
}

TEST(Mednext, ABlockWithoutItsLastConvolutionIsTheWayAround) {
  const at::NoGradGuard no_gradient;
  models::MednextShape shape{.in = 3, .out = 3};
  const models::MednextBlock block(shape);
  block.conv3->weight.zero_();
  const at::Tensor x = golden::image({1, 3, 4, 5, 6});
  EXPECT_TRUE(at::allclose(block.forward(x), x, 1e-6, 1e-6));
  shape.resampling = models::Resampling::kUp;
  shape.stride = {2, 1, 2};
  const models::MednextBlock up(shape);
  up.conv3->weight.zero_();
  const at::Tensor y = up.forward(x);
  EXPECT_EQ(y.sizes(), (std::vector<std::int64_t>{1, 3, 8, 5, 12}));
  const at::Tensor product = at::conv3d(x, up.around_weight.transpose(0, 1));
  EXPECT_TRUE(at::allclose(y.slice(2, 1, 8, 2).slice(4, 1, 12, 2), product, 1e-5, 1e-6));
  EXPECT_EQ(y.slice(2, 0, 8, 2).abs().max().item<float>(), 0);
}

// In float64, where torch's convolutions are taken, along a random direction of all parameters.
TEST(Mednext, TheGradientIsTheSlopeOfTheLoss) {
  const models::Input input{1, {8, 9, 8}, {1, 1, 1}};
  const auto encoder = mednext(input, {"base=4", "blocks=[1, 1]", "expansion=[2, 2]", "responses=true"});
  const auto decoder = models::make_decoder(*encoder, input, 2, false);
  const at::Tensor image = golden::chirp(8 * 9 * 8, 0.3).view({1, 1, 8, 9, 8});
  expect_gradient_is_slope(*encoder, *decoder, image);
}

TEST(Mednext, SettingsThatDoNotFitAreToldAtOnce) {
  EXPECT_THROW(mednext(kInput, {"size=XL"}), core::Error);
  EXPECT_THROW(mednext(kInput, {"kernel=4"}), core::Error);
  EXPECT_THROW(mednext(kInput, {"blocks=[1, 1]"}), core::Error) << "expansion has five numbers";
  EXPECT_THROW(mednext({1, {6, 6, 6}, {1, 1, 1}}, {}), core::Error) << "not halved at all";
}

}  // namespace
