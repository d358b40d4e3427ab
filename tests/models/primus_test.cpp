// Primus and its decoder beside the original (tests/golden/primus.py), and what rotary places promise.
#include "models/primus.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <sstream>

#include "core/error.h"
#include "golden.h"
#include "models/decoder.h"
#include "models/primus_decoder.h"

namespace {

constexpr models::Input kInput{1, {8, 12, 8}, {1, 1, 1}};

models::PrimusSettings tiny() {
  models::PrimusSettings settings;
  settings.patch = {4, 4, 4};
  settings.width = 24;
  settings.depth = 2;
  settings.heads = 2;
  settings.registers = 2;
  settings.learned_positions = false;
  return settings;
}

at::Tensor places_of(const std::vector<std::int64_t>& places) { return at::tensor(places, at::kLong).unsqueeze(0); }

std::string story_of(const models::PrimusSettings& settings) {
  try {
    settings.make(kInput);
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kUsage);
    return error.what();
  }
  return "nothing was thrown";
}

TEST(Primus, NamesShapesAndOutputsAreThoseOfTheOriginal) {
  models::PrimusSettings settings = tiny();
  settings.patch = {4, 4, 2};
  settings.learned_positions = true;
  const models::Input input{2, {8, 12, 8}, {1, 1, 1}};
  const auto encoder = settings.make(input);
  const auto decoder = models::make_decoder(*encoder, input, 3, /*deep_supervision=*/false);
  golden::Weights weights;
  golden::add(weights, *encoder);
  golden::add(weights, *decoder, "up_projection.");
  const golden::Network original = golden::networks(GADOLIN_GOLDEN "/primus.txt").at("");
  ASSERT_GT(original.weights.size(), 50u);
  golden::expect_names_and_shapes(original, weights);
  golden::fill(weights);
  const at::NoGradGuard no_gradient;
  const at::Tensor image = golden::wave(2 * 2 * 8 * 12 * 8, 0.3).view({2, 2, 8, 12, 8}).to(at::kFloat);
  const auto features = encoder->features(image);
  golden::expect_maps(original, {features[0], decoder->maps(features, image)[0]}, 7, 1e-4);
}

TEST(Primus, SizesAreThoseOfTheOriginal) {
  std::ifstream file(GADOLIN_GOLDEN "/primus.txt");
  int sizes = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string kind;
    models::PrimusSettings wanted, settings;
    words >> kind;
    if (kind != "size") continue;
    words >> settings.size >> wanted.width >> wanted.depth >> wanted.heads;
    const models::PrimusSettings sized = settings.sized();
    EXPECT_EQ(sized.width, wanted.width) << settings.size;
    EXPECT_EQ(sized.depth, wanted.depth) << settings.size;
    EXPECT_EQ(sized.heads, wanted.heads) << settings.size;
    ++sizes;
  }
  EXPECT_EQ(sizes, 4);
  EXPECT_EQ(models::PrimusSettings().width, 396) << "S where nothing is said";
}

TEST(Primus, APairOfChannelsIsTurnedByItsAngle) {
  const at::Tensor angle = at::tensor({0.5, -1.0}, at::kDouble).view({1, 1, 1, 2});
  const at::Tensor x = at::tensor({1.0, 0.0, 3.0, 4.0}, at::kDouble).view({1, 1, 1, 4});
  const at::Tensor y = models::turned(x, {angle.cos(), angle.sin()}).flatten();
  EXPECT_NEAR(y[0].item<double>(), std::cos(0.5), 1e-12);
  EXPECT_NEAR(y[1].item<double>(), std::sin(0.5), 1e-12);
  EXPECT_NEAR(y[2].item<double>(), 3 * std::cos(1.0) + 4 * std::sin(1.0), 1e-12);
  EXPECT_NEAR(y[3].item<double>(), 4 * std::cos(1.0) - 3 * std::sin(1.0), 1e-12);
}

// The attention of one block in plain steps: pairs of channels as complex numbers, times exp(i place / 10^(4 k / n)).
TEST(Primus, AttentionIsTheFormulaInPlainSteps) {
  const at::NoGradGuard no_gradient;
  models::PrimusSettings settings = tiny();
  settings.depth = 1;
  settings.registers = 0;
  models::Primus primus(settings, kInput);
  primus.to(at::kDouble);
  for (at::Tensor& each : primus.parameters()) each.add_(at::randn_like(each) * 0.2);
  const auto named = primus.named_parameters();
  const auto linear = [&](const at::Tensor& x, const std::string& name) {
    const at::Tensor y = x.matmul(named["eva.blocks.0." + name + ".weight"].t());
    return name == "attn.k_proj" ? y : y + named["eva.blocks.0." + name + ".bias"];
  };
  const auto normal = [&](const at::Tensor& x, const std::string& name) {
    const at::Tensor centred = x - x.mean(-1, true);
    return centred / (centred.square().mean(-1, true) + 1e-5).sqrt() * named[name + ".weight"] + named[name + ".bias"];
  };
  const std::vector<std::int64_t> places{7, 0, 10};  // {1, 0, 1}, {0, 0, 0}, {1, 2, 0} of the grid 2 x 3 x 2
  const at::Tensor at_tokens = at::tensor({1, 0, 1, 0, 0, 0, 1, 2, 0}, at::kDouble).view({3, 3, 1});
  const at::Tensor angle = (at_tokens * at::tensor({1.0, 0.01}, at::kDouble)).flatten(1);
  const at::Tensor turn = at::polar(at::ones_like(angle), angle);
  const at::Tensor x = at::randn({1, 3, 24}, at::kDouble), inner = normal(x, "eva.blocks.0.norm1");
  const at::Tensor q = linear(inner, "attn.q_proj")[0], k = linear(inner, "attn.k_proj")[0],
                   v = linear(inner, "attn.v_proj")[0];
  std::vector<at::Tensor> heads;
  for (std::int64_t head = 0; head < 2; ++head) {
    const auto part = [&](const at::Tensor& all) { return all.narrow(1, 12 * head, 12).contiguous(); };
    const auto of_places = [&](const at::Tensor& all) { return at::view_as_complex(part(all).view({3, 6, 2})) * turn; };
    const at::Tensor score = at::real(of_places(q).matmul(at::conj(of_places(k)).t())) / std::sqrt(12.0);
    heads.push_back(score.softmax(1).matmul(part(v)));
  }
  at::Tensor y = x + named["eva.blocks.0.gamma_1"] *
                         linear(normal(at::cat(heads, 1).unsqueeze(0), "eva.blocks.0.attn.norm"), "attn.proj");
  const at::Tensor deep = normal(y, "eva.blocks.0.norm2"), gate = linear(deep, "mlp.fc1_g");
  const at::Tensor hidden = gate * gate.sigmoid() * linear(deep, "mlp.fc1_x");
  y = y + named["eva.blocks.0.gamma_2"] * linear(normal(hidden, "eva.blocks.0.mlp.norm"), "mlp.fc2");
  EXPECT_TRUE(at::allclose(primus.encode(x, {{}, places_of(places)}), normal(y, "eva.norm"), 1e-9, 1e-9));
}

TEST(Primus, TokensGoByTheirTruePlacesInWhateverOrderTheyCome) {
  const at::NoGradGuard no_gradient;
  models::Primus primus(tiny(), kInput);
  for (at::Tensor& each : primus.parameters()) each.add_(at::randn_like(each) * 0.2);
  const at::Tensor tokens = at::randn({1, 12, 24});
  const at::Tensor order = at::randperm(12, at::kLong);
  const auto plain = primus.encode_all(tokens);
  const auto mixed = primus.encode_all(tokens.index_select(1, order), {{2, 3, 2}, order.unsqueeze(0)});
  EXPECT_TRUE(at::allclose(mixed.tokens, plain.tokens.index_select(1, order), 1e-4, 1e-5));
  EXPECT_TRUE(at::allclose(mixed.summary, plain.summary, 1e-4, 1e-5));
  const auto wrong = primus.encode_all(tokens.index_select(1, order));
  EXPECT_FALSE(at::allclose(wrong.tokens, mixed.tokens, 1e-3, 1e-3));
}

// Without registers, which are not turned and stand at the origin, and without learned codes of place.
TEST(Primus, AttentionKnowsHowFarTokensLieApartAndNotWhere) {
  const at::NoGradGuard no_gradient;
  models::PrimusSettings settings = tiny();
  settings.registers = 0;
  models::Primus primus(settings, kInput);
  for (at::Tensor& each : primus.parameters()) each.add_(at::randn_like(each) * 0.2);
  const at::Tensor tokens = at::randn({1, 3, 24});
  const models::Extent grid{4, 5, 6};
  const auto at_places = [&](std::int64_t a, std::int64_t b, std::int64_t c) {
    return primus.encode(tokens, {grid, places_of({a, b, c})});
  };
  const auto place = [](std::int64_t d, std::int64_t h, std::int64_t w) { return (d * 5 + h) * 6 + w; };
  const at::Tensor here = at_places(place(0, 0, 0), place(1, 2, 3), place(2, 0, 1));
  EXPECT_TRUE(at::allclose(at_places(place(1, 2, 2), place(2, 4, 5), place(3, 2, 3)), here, 1e-4, 1e-4));
  EXPECT_FALSE(at::allclose(at_places(place(0, 0, 0), place(1, 2, 4), place(2, 0, 1)), here, 1e-3, 1e-3));
}

TEST(Primus, EachPictureOfABatchMayShowOtherPlaces) {
  const at::NoGradGuard no_gradient;
  models::Primus primus(tiny(), kInput);
  const at::Tensor tokens = at::randn({2, 2, 24}), places = at::cat({places_of({1, 5}), places_of({11, 2})});
  const at::Tensor both = primus.encode(tokens, {{}, places});
  for (std::int64_t n = 0; n < 2; ++n) {
    const at::Tensor alone = primus.encode(tokens.narrow(0, n, 1), {{}, places.narrow(0, n, 1)});
    EXPECT_TRUE(at::allclose(both.narrow(0, n, 1), alone, 1e-4, 1e-5)) << n;
  }
}

TEST(Primus, SomeTokensWithoutTheirPlacesAreNotTaken) {
  models::Primus primus(tiny(), kInput);
  EXPECT_ANY_THROW(primus.encode(at::randn({1, 5, 24})));
}

TEST(Primus, TheDecodersStepsDoubleEachSideAsOftenAsItCanBe) {
  models::PrimusDecoder decoder({8, 4, 1}, 24, 2, /*deep_supervision=*/true);
  EXPECT_EQ(decoder.extents({16, 16, 3}), (std::vector<models::Extent>{{16, 16, 3}, {8, 8, 3}, {4, 4, 3}}));
  const auto maps = decoder.maps({at::randn({1, 24, 2, 4, 3})}, at::randn({1, 1, 16, 16, 3}));
  ASSERT_EQ(maps.size(), 3u);
  EXPECT_EQ(maps[0].sizes(), (std::vector<std::int64_t>{1, 2, 16, 16, 3}));
  EXPECT_EQ(maps[2].sizes(), (std::vector<std::int64_t>{1, 2, 4, 4, 3}));
}

TEST(Primus, SettingsThatDoNotFitAreToldAtOnce) {
  models::PrimusSettings settings = tiny();
  settings.width = 32;
  EXPECT_NE(story_of(settings).find("multiple of 6 heads (12)"), std::string::npos);
  settings = tiny();
  settings.patch = {4, 6, 4};
  EXPECT_NE(story_of(settings).find("power of 2"), std::string::npos);
  settings = tiny();
  settings.patch = {8, 8, 8};
  EXPECT_NE(story_of(settings).find("cut into tokens"), std::string::npos);
  settings = tiny();
  settings.size = "M";
  EXPECT_NE(story_of(settings).find("decides width, depth and heads"), std::string::npos);
  settings = {};
  settings.size = "H";
  EXPECT_NE(story_of(settings).find("sizes: S, B, M, L"), std::string::npos);
}

}  // namespace
