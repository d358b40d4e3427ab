#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "made.h"
#include "models/vit.h"

namespace {

std::shared_ptr<models::Vit> vit() {
  torch::manual_seed(1);
  return std::dynamic_pointer_cast<models::Vit>(made::encoder("vit", made::kInput));
}

}  // namespace

TEST(Aim, ATokenKnowsOfThoseBeforeItAndOfThePrefixAlone) {
  const auto encoder = vit();
  const at::NoGradGuard no_gradient;
  const at::Tensor tokens = at::randn({1, 6, 24}), prefix = at::tensor({2}, at::kLong);
  const at::Tensor plain = encoder->encode_all(tokens, {}, prefix).tokens;
  for (std::int64_t changed = 0; changed < 6; ++changed) {
    at::Tensor other = tokens.clone();
    other.select(1, changed).copy_(3 * at::randn({1, 24}));
    const at::Tensor differs = (encoder->encode_all(other, {}, prefix).tokens != plain).any(2)[0];
    for (std::int64_t place = 0; place < 6; ++place)
      EXPECT_EQ(differs[place].item<bool>(), changed < 2 || place >= changed) << changed << " -> " << place;
  }
}

TEST(Aim, WithAPrefixOfEverythingTheEncoderIsAsItIsOtherwise) {
  const auto encoder = vit();
  const at::NoGradGuard no_gradient;
  const at::Tensor tokens = at::randn({2, 6, 24});
  const auto seen = encoder->encode_all(tokens, {}, at::tensor({6, 6}, at::kLong)), plain = encoder->encode_all(tokens);
  EXPECT_TRUE(at::allclose(seen.tokens, plain.tokens, 1e-4, 1e-5));
  EXPECT_TRUE(at::allclose(seen.summary, plain.summary, 1e-4, 1e-5));
}

// The last token of the order is never looked at, so the loss knows it as what is foretold alone: L(d) + L(-d) - 2 L(0)
// is 2 d^2 times its share of the voxels that count.
TEST(Aim, WhatIsForetoldIsNotSeenBefore) {
  const auto method = made::method("aim", "vit", 1, {"normalise=false"});
  data::Batch batch = made::batch(*method, 1);
  batch.views[0].valid.zero_();
  batch.views[0].valid.slice(1, 12).slice(2, 12).slice(3, 12).fill_(1);
  const at::Tensor images = batch.views[0].images, last = batch.views[0].valid.unsqueeze(1).to(at::kFloat);
  const auto loss_with = [&](double shift) {
    batch.views[0].images = images + shift * last;
    return made::loss(*method, batch);
  };
  EXPECT_NEAR(loss_with(0.5) + loss_with(-0.5) - 2 * loss_with(0), 2 * 0.25, 1e-4);
  EXPECT_NEAR(loss_with(3) + loss_with(-3) - 2 * loss_with(0), 2 * 9, 1e-3);
}

TEST(Aim, ThePrefixBelongsToTheSample) {
  const auto method = made::method("aim", "vit");
  data::Batch batch = made::batch(*method, 1);
  std::set<double> losses;
  for (std::int64_t sample = 0; sample < 8; ++sample) {
    batch.sample.fill_(sample);
    const double loss = made::loss(*method, batch);
    EXPECT_EQ(loss, made::loss(*method, batch));
    losses.insert(loss);
  }
  EXPECT_GT(losses.size(), 4u);
}

TEST(Aim, OtherEncodersAndAPatchOfOneTokenAreRefused) {
  const auto story_of = [](const made::MakeEncoder& encoder, const models::Input& input) {
    try {
      made::method("aim", encoder, input);
    } catch (const core::Error& error) {
      EXPECT_EQ(error.exit(), core::Exit::kUsage);
      return std::string(error.what());
    }
    return std::string("nothing was thrown");
  };
  EXPECT_NE(story_of([&] { return made::encoder("resenc", made::kInput); }, made::kInput)
                .find("take encoder.name: vit or primus"),
            std::string::npos);
  const models::Input small{1, {4, 4, 4}, {1, 1, 1}};
  EXPECT_NE(story_of([&] { return made::encoder("vit", small); }, small).find("one token"), std::string::npos);
}
