#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>

#include "core/error.h"
#include "models/plain_vit.h"

namespace {

using models::Extent;

constexpr models::Input kInput{1, {8, 12, 8}, {1, 1, 1}};

models::VitSettings tiny() {
  models::VitSettings settings;
  settings.patch = {4, 4, 4};
  settings.width = 26;
  settings.depth = 2;
  settings.heads = 2;
  return settings;
}

at::Tensor picture(const Extent& extent) {
  return at::sin(at::arange(extent[0] * extent[1] * extent[2]) * 0.37).view({1, 1, extent[0], extent[1], extent[2]});
}

TEST(Vit, TokensAreInTheOrderOfVoxelsWidthFastest) {
  const at::NoGradGuard no_gradient;
  models::PlainVit vit(tiny(), kInput);
  const at::Tensor image = picture(kInput.patch);
  EXPECT_EQ(vit.grid(image), (Extent{2, 3, 2}));
  const at::Tensor before = vit.patches(image);
  at::Tensor other = image.clone();
  other.slice(2, 4, 8).slice(3, 8, 12).slice(4, 0, 4).add_(1);  // token {1, 2, 0}
  const at::Tensor changed = (vit.patches(other) - before).abs().sum(2)[0] > 1e-4;
  for (std::int64_t token = 0; token < 12; ++token) {
    EXPECT_EQ(changed[token].item<bool>(), token == (1 * 3 + 2) * 2 + 0) << token;
  }
}

TEST(Vit, SparesTokensAndCodesOfPlaceFromDecayAndPutsThemBeforeTheFirstBlock) {
  models::VitSettings settings = tiny();
  settings.registers = 2;
  settings.learned_positions = true;
  models::PlainVit vit(settings, kInput);
  EXPECT_EQ(vit.layers(), 3);
  const auto named = vit.named_parameters();
  std::set<std::string> spared;
  for (const auto& parameter : named) {
    for (const at::Tensor& each : vit.spared_from_decay())
      if (each.is_same(parameter.value())) spared.insert(parameter.key());
  }
  EXPECT_EQ(spared, (std::set<std::string>{"cls_token", "register_tokens", "patch_embedding.position_embeddings"}));
  for (const std::string& name : spared) EXPECT_EQ(vit.layer_of(name), 0) << name;
  EXPECT_EQ(vit.layer_of("patch_embedding.patch_embeddings.weight"), 0);
  EXPECT_EQ(vit.layer_of("blocks.0.mlp.linear1.weight"), 1);
  EXPECT_EQ(vit.layer_of("blocks.1.norm1.bias"), 2);
  EXPECT_EQ(vit.layer_of("norm.weight"), 3);
}

TEST(Vit, APatchIsItsVoxelsTimesTheWeightInTheirOrder) {
  const at::NoGradGuard no_gradient;
  models::PlainVit vit(tiny(), kInput);
  const at::Tensor image = picture(kInput.patch);
  const auto parameters = vit.named_parameters();
  const at::Tensor weight = parameters["patch_embedding.patch_embeddings.weight"].flatten(1);
  const at::Tensor cube = image[0][0].slice(0, 4, 8).slice(1, 0, 4).slice(2, 4, 8).flatten();
  EXPECT_TRUE(at::allclose(vit.patches(image)[0][7], weight.mv(cube), 1e-4, 1e-5));
}

// Attention without position codes does not know the order; a subset is encoded as if the rest were not there.
TEST(Vit, EncodesAnySubsetInAnyOrder) {
  const at::NoGradGuard no_gradient;
  models::VitSettings settings = tiny();
  settings.registers = 2;
  models::PlainVit vit(settings, kInput);
  const at::Tensor tokens = vit.tokens(picture(kInput.patch));
  const at::Tensor order = at::tensor({7, 1, 10, 4}, at::kLong), turned = at::tensor({4, 10, 1, 7}, at::kLong);
  const auto first = vit.encode_all(tokens.index_select(1, order));
  const auto second = vit.encode_all(tokens.index_select(1, turned));
  EXPECT_EQ(first.tokens.sizes(), (std::vector<std::int64_t>{1, 4, 26}));
  EXPECT_TRUE(at::allclose(first.tokens.flip(1), second.tokens, 1e-4, 1e-5));
  EXPECT_TRUE(at::allclose(first.summary, second.summary, 1e-4, 1e-5));
  EXPECT_FALSE(at::allclose(first.summary, vit.encode_all(tokens).summary, 1e-3, 1e-4));
}

TEST(Vit, AttentionIsTheFormulaInPlainSteps) {
  const at::NoGradGuard no_gradient;
  models::VitSettings settings = tiny();
  settings.depth = 1;
  settings.class_token = false;
  models::PlainVit vit(settings, kInput);
  for (at::Tensor& each : vit.parameters()) each.add_(at::randn_like(each) * 0.2);
  const auto named = vit.named_parameters();
  const auto linear = [&](const at::Tensor& x, const std::string& name) {
    return x.matmul(named[name + ".weight"].t()) + named[name + ".bias"];
  };
  const auto normal = [&](const at::Tensor& x, const std::string& name) {
    const at::Tensor centred = x - x.mean(-1, true);
    return centred / (centred.square().mean(-1, true) + 1e-6).sqrt() * named[name + ".weight"] + named[name + ".bias"];
  };
  const at::Tensor x = at::randn({1, 5, 26});
  const auto qkv = linear(normal(x, "blocks.0.norm1"), "blocks.0.attn.qkv").chunk(3, 2);
  std::vector<at::Tensor> heads;
  for (std::int64_t head = 0; head < 2; ++head) {
    const auto part = [&](const at::Tensor& each) { return each[0].narrow(1, 13 * head, 13); };
    heads.push_back((part(qkv[0]).matmul(part(qkv[1]).t()) / std::sqrt(13.0)).softmax(1).matmul(part(qkv[2])));
  }
  at::Tensor y = x + linear(at::cat(heads, 1).unsqueeze(0), "blocks.0.attn.out_proj");
  const at::Tensor hidden = linear(normal(y, "blocks.0.norm2"), "blocks.0.mlp.linear1");
  const at::Tensor active = hidden * 0.5 * (1 + at::erf(hidden / std::sqrt(2.0)));
  y = normal(y + linear(active, "blocks.0.mlp.linear2"), "norm");
  EXPECT_TRUE(at::allclose(vit.encode(x), y, 1e-4, 1e-4));
}

TEST(Vit, PositionsOfSinesTellEveryTokenApartAndHaveEqualLength) {
  const models::PlainVit vit(tiny(), kInput);
  const at::Tensor codes = vit.positions({2, 3, 2})[0];
  const at::Tensor distance = at::cdist(codes.unsqueeze(0), codes.unsqueeze(0))[0] + at::eye(12) * 10;
  EXPECT_GT(distance.min().item<float>(), 0.1);
  EXPECT_TRUE(at::allclose(codes.square().sum(1), at::full({12}, 12.0f), 1e-5, 1e-5)) << "sin^2 + cos^2, 4 x 3 axes";
}

TEST(Vit, PositionsOfAnotherGridLieBetweenThoseOfTheTrainingGrid) {
  const at::NoGradGuard no_gradient;
  models::VitSettings settings = tiny();
  for (const bool learned : {false, true}) {
    settings.learned_positions = learned;
    const models::PlainVit vit(settings, {1, {16, 16, 16}, {1, 1, 1}});
    const at::Tensor codes = vit.positions({4, 4, 4}).view({4, 4, 4, 26});
    const at::Tensor finer = vit.positions({12, 4, 4}).view({12, 4, 4, 26});
    // Every third token of the finer grid has its centre where one of the training grid has it.
    for (std::int64_t z = 0; z < 4; ++z) EXPECT_TRUE(at::allclose(finer[3 * z + 1], codes[z], 1e-4, 1e-5)) << learned;
    EXPECT_FALSE(at::allclose(finer[2], codes[0], 1e-4, 1e-5));
  }
}

TEST(Vit, WithoutAClassTokenTheEmbeddingIsTheMeanOfTokens) {
  const at::NoGradGuard no_gradient;
  models::VitSettings settings = tiny();
  settings.class_token = false;
  models::PlainVit vit(settings, kInput);
  const at::Tensor image = picture(kInput.patch);
  EXPECT_TRUE(at::allclose(vit.embedding(image), vit.features(image)[0].flatten(2).mean(2), 1e-5, 1e-6));
}

TEST(Vit, SettingsThatDoNotFitAreToldAtOnce) {
  models::VitSettings settings = tiny();
  settings.heads = 3;
  EXPECT_THROW(settings.make(kInput), core::Error);
  settings = tiny();
  settings.patch = {4, 4};
  EXPECT_THROW(settings.make(kInput), core::Error);
  settings = tiny();
  EXPECT_THROW(settings.make({1, {8, 13, 8}, {1, 1, 1}}), core::Error);
}

}  // namespace
