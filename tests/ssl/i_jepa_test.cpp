#include <gtest/gtest.h>

#include <set>

#include "made.h"
#include "ssl/token_blocks.h"
#include "story_of.h"

TEST(TokenBlocks, TheContextHoldsNoTokenOfATargetAndBlocksHaveTheirShare) {
  const models::Extent grid{12, 12, 12};
  for (std::uint64_t key = 0; key < 20; ++key) {
    const ssl::TokenBlocks blocks = ssl::token_blocks(grid, {}, key);
    ASSERT_EQ(blocks.targets.size(0), 4);
    const double share = static_cast<double>(blocks.targets.size(1)) / (12 * 12 * 12);
    EXPECT_GT(share, 0.1);  // sides are whole: 6 or 7 of 12
    EXPECT_LT(share, 0.21);
    std::set<std::int64_t> taken;
    for (std::int64_t i = 0; i < blocks.targets.numel(); ++i)
      taken.insert(blocks.targets.flatten()[i].item<std::int64_t>());
    EXPECT_EQ(*taken.begin() >= 0 && *taken.rbegin() < 12 * 12 * 12, true);
    for (std::int64_t i = 0; i < blocks.context.numel(); ++i)
      EXPECT_FALSE(taken.contains(blocks.context[i].item<std::int64_t>()));
  }
}

TEST(TokenBlocks, AreBoxesInTheOrderOfTheGrid) {
  // A share of a quarter of 4 x 4 x 4: sides round(0.63 x 4) = 3.
  const ssl::TokenBlocks blocks = ssl::token_blocks({4, 4, 4}, {1, 0.25, 0.25, 1, 1}, 3);
  ASSERT_EQ(blocks.targets.size(1), 27);
  EXPECT_EQ(blocks.context.numel(), 64 - 27);
  const at::Tensor d = at::floor_divide(blocks.targets[0], 16), w = blocks.targets[0].remainder(4);
  EXPECT_EQ((d.max() - d.min()).item<std::int64_t>(), 2);
  EXPECT_EQ((w.max() - w.min()).item<std::int64_t>(), 2);
}

TEST(TokenBlocks, FollowTheirKeyAndRefuseWhatLeavesNothing) {
  const auto one = ssl::token_blocks({8, 8, 8}, {}, 5), again = ssl::token_blocks({8, 8, 8}, {}, 5);
  EXPECT_TRUE(at::equal(one.targets, again.targets));
  EXPECT_FALSE(at::equal(one.targets, ssl::token_blocks({8, 8, 8}, {}, 6).targets));
  expect_story("leave nothing to predict them from in a grid of 8 tokens", [] {
    ssl::token_blocks({2, 2, 2}, {1, 1, 1, 1, 1}, 0);
  });
}

TEST(IJepa, WhatIsPredictedIsNotSeen) {
  const auto method = made::method("i_jepa", "vit");
  data::Batch batch = made::batch(*method, 2);
  const train::Moment moment{7, 10, 0};
  batch.views[0].images.requires_grad_();
  method->step(0, batch, moment).loss.backward();
  const at::Tensor of_token = at::avg_pool3d(batch.views[0].images.grad().abs(), 4).flatten(1);  // [2, 64]
  const ssl::TokenBlocks blocks = ssl::token_blocks({4, 4, 4}, {}, 7);
  EXPECT_EQ(of_token.index_select(1, blocks.targets.flatten()).max().item<double>(), 0);
  EXPECT_GT(of_token.index_select(1, blocks.context).min().item<double>(), 0);
}

TEST(IJepa, RefusesAnEncoderWithoutTokensAndSharesInTheWrongOrder) {
  expect_story("take encoder.name: vit", [] { made::method("i_jepa", "resenc"); });
  expect_story("put the smaller first", [] { made::method("i_jepa", "vit", 1, {"target_low=0.3"}); });
  expect_story("multiple of the heads", [] { made::method("i_jepa", "vit", 1, {"predictor_heads=3"}); });
}
