// The residual encoder and its decoder beside nnU-Net's own (tests/golden/resenc.py).
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "golden.h"
#include "models/conv_encoder.h"
#include "models/decoder.h"

namespace {

using golden::wave;

std::shared_ptr<models::Encoder> resenc(const models::Input& input, const std::vector<core::Setting>& given = {}) {
  const auto settings = models::encoder_named("resenc").settings();
  core::configure(settings->slots(), given);
  return settings->make(input);
}

TEST(Resenc, NamesShapesAndOutputsAreThoseOfNnUnet) {
  const models::Input input{2, {8, 32, 32}, {3, 1, 1}};
  const auto encoder = resenc(input, {{"base", {"4"}, false, "test"}, {"blocks", {"1", "2", "2"}, true, "test"}});
  const auto decoder = models::make_decoder(*encoder, input, 3, true);
  golden::Weights weights;
  golden::add(weights, *encoder, "encoder.");
  golden::add(weights, *decoder, "decoder.");
  const golden::Network original = golden::networks(GADOLIN_GOLDEN "/resenc.txt").at("");
  ASSERT_EQ(original.weights.size(), 66u);
  golden::expect_names_and_shapes(original, weights);
  golden::fill(weights);
  const at::NoGradGuard no_gradient;
  const at::Tensor image = wave(2 * 8 * 32 * 32, 0.3).view({1, 2, 8, 32, 32}).to(at::kFloat);
  golden::expect_maps(original, decoder->maps(encoder->features(image), image), 97, 1e-4);
}

std::shared_ptr<models::ConvEncoder> of_size(const std::string& size, const models::Input& input) {
  return std::dynamic_pointer_cast<models::ConvEncoder>(resenc(input, {{"size", {size}, false, "test"}}));
}

// The plans that nnU-Net 2.8.1's ResEncM and ResEncL planners make have these features and blocks, of as many stages as
// the patch has.
TEST(Resenc, SizesMAndLAreNnunetsNetworkAndItsStagesFollowThePatch) {
  for (const char* size : {"M", "L"}) {
    const auto small = of_size(size, {1, {16, 16, 16}, {1, 1, 1}});
    EXPECT_EQ(small->plan().channels, (std::vector<std::int64_t>{32, 64, 128}));
    EXPECT_EQ(small->plan().blocks, (std::vector<std::int64_t>{1, 3, 4}));
  }
  EXPECT_EQ(models::stages_for({1, {128, 128, 128}, {1, 1, 1}}, 10, 4).size(), 6u);
}

TEST(Resenc, SizeSIsWhatIsTakenWhenNothingIsSaid) {
  const models::Input input{1, {16, 16, 16}, {1, 1, 1}};
  const auto said = of_size("S", input), plain = std::dynamic_pointer_cast<models::ConvEncoder>(resenc(input));
  EXPECT_EQ(said->plan().channels, plain->plan().channels);
  EXPECT_EQ(said->plan().blocks, plain->plan().blocks);
}

TEST(Resenc, ASizeThatThereIsNotAndOneBesideWhatItDecidesAreRefused) {
  const models::Input input{1, {16, 16, 16}, {1, 1, 1}};
  const auto story_of = [&](const std::vector<core::Setting>& given) {
    try {
      resenc(input, given);
    } catch (const core::Error& error) {
      EXPECT_EQ(error.exit(), core::Exit::kUsage);
      return std::string(error.what());
    }
    return std::string("nothing was thrown");
  };
  EXPECT_NE(story_of({{"size", {"XL"}, false, "test"}}).find("sizes: S, M, L"), std::string::npos);
  EXPECT_NE(story_of({{"size", {"M"}, false, "test"}, {"base", {"48"}, false, "test"}}).find("decides base"),
            std::string::npos);
}

TEST(Resenc, OfTheDefaultSettingsIsSmallForSmallPatches) {
  const models::Input input{1, {32, 48, 32}, {1, 1, 1}};
  const auto encoder = resenc(input);
  const auto decoder = models::make_decoder(*encoder, input, 3, true);
  std::int64_t count = 0;
  for (const at::Tensor& each : encoder->parameters()) count += each.numel();
  for (const at::Tensor& each : decoder->parameters()) count += each.numel();
  EXPECT_GT(count, 2'000'000);
  EXPECT_LT(count, 3'000'000);
  EXPECT_EQ(encoder->channels(), (std::vector<std::int64_t>{16, 32, 64, 128}));
}

TEST(Resenc, ABlockBeginsAsTheWayAroundIt) {
  const models::Residual block(3, 3, {3, 3, 3}, {2, 2, 2}, {});
  const at::Tensor x = wave(3 * 4 * 4 * 6, 0).view({1, 3, 4, 4, 6}).to(at::kFloat);
  const at::Tensor around = at::leaky_relu(at::avg_pool3d(x, {2, 2, 2}), 0.01);
  EXPECT_TRUE(at::allclose(block.forward(x), around, 1e-6, 1e-6));
}

}  // namespace
