#include "ssl/head.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>
#include <torch/utils.h>

namespace {

std::int64_t numbers_of(const ssl::Head& head) {
  std::int64_t sum = 0;
  for (const at::Tensor& parameter : head.parameters()) sum += parameter.numel();
  return sum;
}

}  // namespace

TEST(Head, NormalisesOverTheBatchByHand) {
  ssl::Head head({1, 1, 1});
  const at::NoGradGuard no_gradient;
  for (const auto& item : head.named_parameters()) {
    item.value().fill_(item.key() == "layer1.bias" ? 0.5 : item.key() == "norm0_bias" ? 0.25 : 2.0);
  }
  // 2 x = 2, 6: mean 4, variance 4, so -1 and 1; times 2 plus 0.25, cut at 0; times 2 plus 0.5.
  const at::Tensor out = head.forward(at::tensor({1.0f, 3.0f}).view({2, 1}), *runtime::alone());
  EXPECT_NEAR(out[0].item<double>(), 0.5, 1e-6);
  EXPECT_NEAR(out[1].item<double>(), 2 * 2.25 + 0.5, 1e-5);
}

TEST(Head, NormalisedItDoesNotDependOnShiftAndScaleOfTheEmbeddings) {
  torch::manual_seed(3);
  ssl::Head head({6, 16, 4}), plain({6, 16, 4, 2, ssl::Between::kReLU});
  const at::Tensor rows = at::randn({10, 6});
  const auto comm = runtime::alone();
  const at::Tensor out = head.forward(rows, *comm);
  EXPECT_TRUE(at::allclose(head.forward(rows + 5, *comm), out, 1e-3, 1e-3));
  EXPECT_TRUE(at::allclose(head.forward(rows * 7, *comm), out, 1e-3, 1e-3));
  EXPECT_FALSE(at::allclose(head.forward(-rows, *comm), out, 1e-3, 1e-3));
  EXPECT_FALSE(at::allclose(plain.forward(rows * 7, *comm), plain.forward(rows, *comm), 1e-3, 1e-3));
}

TEST(Head, WhatComesOutNormalisedHasMeanZeroAndVarianceOneInEachColumn) {
  torch::manual_seed(3);
  ssl::Head head({6, 16, 4, 3, ssl::Between::kNormReLU, true});
  const at::Tensor out = head.forward(at::randn({10, 6}) + 3, *runtime::alone());
  EXPECT_TRUE(at::allclose(out.mean(0), at::zeros({4}), 0, 1e-5));
  EXPECT_TRUE(at::allclose(out.square().mean(0), at::ones({4}), 0, 1e-2));
}

TEST(Head, HasTheLayersItWasAskedForAndNoBiasThatTheNormalisationTakesAway) {
  EXPECT_EQ(numbers_of(ssl::Head({6, 16, 4, 1})), 6 * 4 + 4);
  EXPECT_EQ(numbers_of(ssl::Head({6, 16, 4})), 6 * 16 + 2 * 16 + 16 * 4 + 4);
  EXPECT_EQ(numbers_of(ssl::Head({6, 16, 4, 3, ssl::Between::kNormReLU, true})), 6 * 16 + 16 * 16 + 4 * 16 + 16 * 4);
  EXPECT_EQ(numbers_of(ssl::Head({6, 16, 4, 3, ssl::Between::kGELU})), 7 * 16 + 17 * 16 + 17 * 4);
}

TEST(Prototypes, CompareByDirectionAlone) {
  torch::manual_seed(3);
  ssl::Prototypes prototypes(6, 5);
  const at::Tensor rows = at::randn({7, 6});
  const at::Tensor cosines = prototypes.forward(rows);
  EXPECT_TRUE(at::allclose(prototypes.forward(rows * 9), cosines, 1e-5, 1e-6));
  const at::NoGradGuard no_gradient;
  at::Tensor weight = prototypes.parameters()[0];
  EXPECT_NEAR(cosines[2][3].item<double>(), at::cosine_similarity(rows[2], weight[3], 0, 1e-8).item<double>(), 1e-6);
  weight.mul_(4);
  EXPECT_TRUE(at::allclose(prototypes.forward(rows), cosines, 1e-5, 1e-6));
  EXPECT_TRUE(prototypes.forward(at::zeros({1, 6})).isfinite().all().item<bool>());
}
