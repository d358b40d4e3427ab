#include "models/text_encoder.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "core/error.h"

namespace {

models::TextSettings tiny_text() {
  models::TextSettings settings;
  settings.vocabulary = 260;
  settings.context = 8;
  settings.width = 12;
  settings.depth = 2;
  settings.heads = 3;
  return settings;
}

std::shared_ptr<models::TextEncoder> encoder(const models::TextSettings& settings, at::ScalarType type = at::kFloat) {
  at::manual_seed(4);
  const auto made = std::make_shared<models::TextEncoder>(settings);
  made->to(type);
  // The first weights are small: larger ones show more.
  const at::NoGradGuard no_gradient;
  for (const auto& item : made->named_parameters()) {
    if (item.value().dim() > 1) item.value().mul_(10);
  }
  return made;
}

at::Tensor tokens(const std::vector<std::int64_t>& values) { return at::tensor(values, at::kLong).unsqueeze(0); }

TEST(TextEncoder, PaddingAndOtherTextsDoNotChangeAnEmbedding) {
  const at::NoGradGuard no_gradient;
  const auto text = encoder(tiny_text(), at::kDouble);
  const at::Tensor alone = text->forward(tokens({1, 40, 50, 2}));
  EXPECT_EQ(alone.sizes(), at::IntArrayRef({1, 12}));
  EXPECT_TRUE(at::allclose(text->forward(tokens({1, 40, 50, 2, 0, 0, 0, 0})), alone, 1e-12, 1e-14));
  const at::Tensor among =
      at::cat({tokens({1, 2, 0, 0, 0, 0}), tokens({1, 40, 50, 2, 0, 0}), tokens({1, 9, 8, 7, 6, 2})});
  EXPECT_TRUE(at::allclose(text->forward(among)[1], alone[0], 1e-12, 1e-14));
}

TEST(TextEncoder, EveryTokenAndItsPlaceMatter) {
  const at::NoGradGuard no_gradient;
  const auto text = encoder(tiny_text());
  const at::Tensor first = text->forward(tokens({1, 40, 50, 60, 2}));
  for (const auto& other : {tokens({1, 41, 50, 60, 2}), tokens({1, 50, 40, 60, 2}), tokens({1, 40, 50, 61, 2}),
                            tokens({1, 40, 50, 2}), tokens({1, 2})})
    EXPECT_GT((text->forward(other) - first).abs().max().item<double>(), 1e-3) << other;
}

// By hand: with blocks whose last layers are 0 only the codes of the last token and its place are left, normalised.
TEST(TextEncoder, WithoutItsBlocksIsTheLastTokenAndItsPlaceNormalised) {
  const at::NoGradGuard no_gradient;
  const auto text = encoder(tiny_text(), at::kDouble);
  const auto named = text->named_parameters();
  for (const auto& item : named) {
    if (item.key().find("out_proj") != std::string::npos || item.key().find("linear2") != std::string::npos)
      item.value().zero_();
  }
  const at::Tensor sum = named["codes"][2] + named["places"][0][3];
  const at::Tensor expected = (sum - sum.mean()) / (sum.var(/*unbiased=*/false) + 1e-6).sqrt();
  EXPECT_TRUE(at::allclose(text->forward(tokens({1, 40, 50, 2, 0}))[0], expected, 1e-10, 1e-12));
}

TEST(TextEncoder, GradientIsTheDifferenceInEveryParameter) {
  const auto text = encoder(tiny_text(), at::kDouble);
  const at::Tensor batch = at::cat({tokens({1, 40, 50, 2}), tokens({1, 40, 2, 0})});
  const at::Tensor weight = at::sin(at::arange(24, at::kDouble)).view({2, 12});
  const auto value = [&] { return (text->forward(batch) * weight).sum(); };
  value().backward();
  constexpr double kStep = 1e-5;
  for (const auto& item : text->named_parameters()) {
    at::Tensor parameter = item.value();
    ASSERT_TRUE(parameter.grad().defined()) << item.key();
    const at::Tensor gradient = parameter.grad();
    // Along one direction in which all elements take part.
    const at::Tensor way = at::cos(at::arange(parameter.numel(), at::kDouble) * 1.3).view(parameter.sizes());
    const at::NoGradGuard no_gradient;
    parameter.add_(way, kStep);
    const double above = value().item<double>();
    parameter.add_(way, -2 * kStep);
    const double below = value().item<double>();
    parameter.add_(way, kStep);
    const double expected = (above - below) / (2 * kStep), found = (gradient * way).sum().item<double>();
    EXPECT_NEAR(found, expected, 1e-6 * std::max(1.0, std::abs(expected))) << item.key();
  }
}

TEST(TextEncoder, SparesItsCodesOfPlaceFromDecay) {
  const auto text = encoder(tiny_text());
  ASSERT_EQ(text->spared_from_decay().size(), 1u);
  EXPECT_TRUE(text->spared_from_decay()[0].is_same(text->named_parameters()["places"]));
}

TEST(TextEncoder, HeadsThatDoNotDivideTheWidthAreRefused) {
  models::TextSettings settings = tiny_text();
  settings.heads = 5;
  try {
    models::TextEncoder text(settings);
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kUsage);
    EXPECT_NE(error.hint().find("multiple of the heads"), std::string::npos);
  }
}

}  // namespace
