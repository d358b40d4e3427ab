#include <gtest/gtest.h>

#include <cmath>

#include "made.h"
#include "models/vit.h"
#include "ssl/hidden_blocks.h"
#include "ssl/masked_network.h"
#include "ssl/token_filler.h"
#include "story_of.h"

namespace {

class EachEncoder : public testing::TestWithParam<std::string> {};

at::Tensor places(std::int64_t first, std::int64_t second) {
  return at::tensor({first, second}, at::kLong).view({1, 2});
}

}  // namespace

// The prediction p does not see hidden voxels, so adding d to them changes the loss mean (p - x)^2 to mean (p - x -
// d)^2: L(d) + L(-d) - 2 L(0) = 2 d^2, whatever p is.
TEST_P(EachEncoder, HiddenVoxelsReachTheLossButNotThePrediction) {
  const auto method = made::method("mae", GetParam());
  data::Batch batch = made::batch(*method, 3);
  const at::Tensor images = batch.views[0].images, hidden = made::hidden_of(batch);
  const auto loss_with = [&](double shift) {
    batch.views[0].images = images + shift * hidden;
    return made::loss(*method, batch);
  };
  EXPECT_NEAR(loss_with(0.5) + loss_with(-0.5) - 2 * loss_with(0), 2 * 0.25, 1e-4);
  EXPECT_NEAR(loss_with(3) + loss_with(-3) - 2 * loss_with(0), 2 * 9, 1e-3);
}

TEST_P(EachEncoder, ItsPictureIsTheImageWhereItWasSeenAndThePredictionWhereItWasHidden) {
  for (const char* const normalise : {"normalise=false", "normalise=true"}) {
    const auto method = made::method("mae", GetParam(), 1, {normalise});
    const data::Batch batch = made::batch(*method, 2);
    method->set_training(false);
    const train::NamedTensors pictures = method->pictures(batch);
    ASSERT_EQ(pictures.size(), 1u);
    EXPECT_EQ(pictures[0].first, "filled in");
    const at::Tensor image = batch.views[0].images, filled = pictures[0].second, hidden = made::hidden_of(batch);
    EXPECT_TRUE(at::equal(filled * (1 - hidden), image * (1 - hidden)));
    EXPECT_GT(((filled - image) * hidden).abs().max().item<double>(), 0.01) << "an untrained network does not know it";
  }
}

TEST_P(EachEncoder, WhatLiesOutsideOfTheCaseIsNotCounted) {
  const auto method = made::method("mae", GetParam());
  data::Batch batch = made::batch(*method, 3);
  batch.views[0].valid.slice(2, 0, 7).zero_();
  const at::Tensor images = batch.views[0].images;
  const at::Tensor counted = made::hidden_of(batch) * batch.views[0].valid.unsqueeze(1);
  const at::Tensor outside = made::hidden_of(batch) - counted;
  ASSERT_GT(outside.sum().item<double>(), 0);
  const double loss = made::loss(*method, batch);
  batch.views[0].images = images + 100 * outside;
  EXPECT_EQ(made::loss(*method, batch), loss);
  batch.views[0].valid.zero_();
  EXPECT_EQ(made::loss(*method, batch), 0);
}

TEST_P(EachEncoder, WhatIsVisibleReachesThePrediction) {
  const auto method = made::method("mae", GetParam());
  data::Batch batch = made::batch(*method, 3);
  const double loss = made::loss(*method, batch);
  batch.views[0].images = batch.views[0].images + 0.5 * (1 - made::hidden_of(batch));
  EXPECT_NE(made::loss(*method, batch), loss);
}

TEST_P(EachEncoder, NormalisedInBlocksAPictureBrightenedByAFactorHasTheSameTarget) {
  const auto method = made::method("mae", GetParam(), 1, {"normalise=true"});
  data::Batch batch = made::batch(*method, 3);
  const double loss = made::loss(*method, batch);
  const at::Tensor hidden = made::hidden_of(batch);
  batch.views[0].images = batch.views[0].images * (1 + 3 * hidden) + 2 * hidden;
  EXPECT_NEAR(made::loss(*method, batch), loss, 1e-3 * loss);
}

TEST_P(EachEncoder, HidesTheShareThatWasAskedForInEverySample) {
  const auto method = made::method("mae", GetParam(), 1, {"hidden=0.5", "block=[4]"});
  const data::Batch batch = made::batch(*method, 4);
  const at::Tensor share = made::hidden_of(batch).flatten(1).mean(1);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(share[i].item<double>(), 0.5);
  EXPECT_TRUE(std::isfinite(made::loss(*method, batch)));
}

INSTANTIATE_TEST_SUITE_P(Mae, EachEncoder, testing::Values("resenc", "vit", "primus", "swin_unetr"),
                         [](const auto& info) { return info.param; });

TEST(Mae, ATransformersEncoderIsGivenTheVisibleTokensOnly) {
  const auto encoder = std::dynamic_pointer_cast<models::Vit>(made::encoder("vit", made::kInput));
  ASSERT_NE(encoder, nullptr);
  const auto method = made::method(
      "mae", [&] { return encoder; }, made::kInput);
  const at::Tensor images = at::randn({2, 1, 16, 16, 16}), hidden = at::zeros({2, 1, 16, 16, 16});
  hidden.slice(2, 4, 16).fill_(1);  // three of four layers of tokens: 75 %
  const auto network = ssl::make_masked_network(encoder, made::kInput, {0.75, {4, 4, 4}, 16, 1, 2});
  const at::Tensor filled = network->fill(images, hidden);
  EXPECT_EQ(filled.sizes(), images.sizes());
  // NaN in what is hidden would spread through every token that meets it in attention.
  const at::Tensor poisoned = images.masked_fill(hidden.to(at::kBool), std::nan(""));
  EXPECT_TRUE(at::equal(network->fill(poisoned, hidden), filled));
}

TEST(Mae, TheFillerPutsTokensWhereTheyBelong) {
  torch::manual_seed(1);
  ssl::TokenFiller filler({6, 5, 8, 1, 2, 3});
  const at::NoGradGuard no_gradient;
  const at::Tensor tokens = at::randn({1, 2, 6});
  const at::Tensor out = filler.forward(tokens, places(3, 1));
  EXPECT_EQ(out.sizes(), at::IntArrayRef({1, 5, 3}));
  const at::Tensor turned = filler.forward(tokens.flip(1), places(1, 3));
  EXPECT_TRUE(at::allclose(turned, out, 1e-5, 1e-6)) << "the order in which visible tokens come does not matter";
  const at::Tensor elsewhere = filler.forward(tokens, places(1, 3));
  EXPECT_FALSE(at::allclose(elsewhere, out, 1e-3, 1e-3));
}

TEST(Mae, TheDecoderOfAUNetIsKeptUnderItsNameForFineTuning) {
  const auto method = made::method("mae", "resenc");
  std::int64_t decoder = 0;
  for (const auto& [name, tensor] : method->weights()) decoder += name.rfind("decoder.", 0) == 0;
  EXPECT_GT(decoder, 0);
}

TEST(Mae, NaturalBlocksFollowTheEncoderAndThePatch) {
  const auto unet = made::encoder("resenc", made::kInput);
  using Block = std::array<std::int64_t, 3>;
  EXPECT_EQ(ssl::natural_block(*unet, {1, {128, 96, 64}, {1, 1, 1}}), (Block{16, 16, 8}));
  EXPECT_EQ(ssl::natural_block(*unet, {1, {4, 160, 160}, {1, 1, 1}}), (Block{4, 16, 16}));
  EXPECT_EQ(ssl::natural_block(*made::encoder("vit", made::kInput), made::kInput), (Block{4, 4, 4}));
}

TEST(Mae, SettingsThatCannotWorkAreRefusedWithWhatToDo) {
  EXPECT_NE(made::refusal_of("mae", "resenc", {"hidden=0"}).find("Hint: take smaller blocks"), std::string::npos);
  EXPECT_NE(made::refusal_of("mae", "vit", {"hidden=1"}).find("one left to see"), std::string::npos);
  EXPECT_NE(made::refusal_of("mae", "resenc", {"block=[32]"}).find("do not fit a patch of 16 x 16 x 16"),
            std::string::npos);
  EXPECT_NE(made::refusal_of("mae", "vit", {"block=[6]"}).find("whole tokens"), std::string::npos);
  EXPECT_NE(made::refusal_of("mae", "vit", {"block=[4, 4]"}).find("method.block has 2 numbers"), std::string::npos);
  EXPECT_NE(made::refusal_of("mae", "vit", {"decoder_heads=3"}).find("multiple of the heads"), std::string::npos);
}
