#include "evaluate/embedding_pool.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "evaluate/alignment.h"
#include "evaluate/effective_rank.h"

namespace {

at::Tensor odd(std::int64_t n, std::int64_t views, std::int64_t c, double begin = 0) {
  return at::sin((at::arange(n * views * c, at::kDouble) + begin).square()).view({n, views, c}).to(at::kFloat);
}

}  // namespace

TEST(EmbeddingPool, HoldsTheLastOnesInABoundedMemory) {
  evaluate::EmbeddingPool pool(8, 0.3);
  EXPECT_TRUE(pool.numbers().empty());
  const at::Tensor all = odd(21, 2, 5);
  for (std::int64_t begin = 0; begin < 21; begin += 3) {
    pool.add(all.narrow(0, begin, 3));
    EXPECT_LE(pool.embeddings(), 8);
    EXPECT_EQ(pool.full(), begin >= 3);
  }
  const at::Tensor last = all.narrow(0, 17, 4);
  const auto numbers = pool.numbers();
  EXPECT_EQ(numbers.at("embeddings"), 8);
  EXPECT_DOUBLE_EQ(numbers.at("effective_rank"), evaluate::effective_rank(last.flatten(0, 1)));
  EXPECT_DOUBLE_EQ(numbers.at("embedding_spread"), evaluate::embedding_spread(last.flatten(0, 1)));
  EXPECT_DOUBLE_EQ(numbers.at("embedding_deviation"), evaluate::embedding_deviation(last.flatten(0, 1)));
  EXPECT_DOUBLE_EQ(numbers.at("alignment"), evaluate::alignment(last.select(1, 0), last.select(1, 1)));
  EXPECT_DOUBLE_EQ(numbers.at("uniformity"), evaluate::uniformity(last.select(1, 0)));
  for (const auto& [name, tensor] : pool.state()) EXPECT_LE(tensor.numel(), 4 * 2 * 5) << name;
}

TEST(EmbeddingPool, ABatchLargerThanThePoolLeavesItsLastRows) {
  evaluate::EmbeddingPool pool(4, 0.3);
  const at::Tensor all = odd(11, 1, 3);
  pool.add(all);
  EXPECT_DOUBLE_EQ(pool.numbers().at("effective_rank"), evaluate::effective_rank(all.narrow(0, 7, 4).flatten(0, 1)));
  EXPECT_FALSE(pool.numbers().contains("alignment")) << "one view has nothing to agree with";
}

TEST(EmbeddingPool, GoesOnFromItsStateToTheSameBits) {
  evaluate::EmbeddingPool whole(10, 0.3), first(10, 0.3), second(10, 0.3);
  for (int i = 0; i < 9; ++i) {
    whole.add(odd(3, 1, 4, 7.0 * i));
    (i < 5 ? first : second).add(odd(3, 1, 4, 7.0 * i));
    if (i == 4) second.load(first.state());
  }
  EXPECT_EQ(whole.numbers(), second.numbers());
  EXPECT_EQ(whole.start()->rank, second.start()->rank);
  evaluate::EmbeddingPool other(6, 0.3), empty(6, 0.3);
  EXPECT_THROW(other.load(whole.state()), core::Error);
  other.load(empty.state());
  EXPECT_EQ(other.embeddings(), 0);
}

TEST(EmbeddingPool, TellsOfACollapseOnceRankOrSpreadIsBelowTheShareOfTheStart) {
  evaluate::EmbeddingPool flat(12, 0.3), near(12, 0.3), alive(12, 0.3), never(12, 0.0);
  const at::Tensor start = odd(12, 1, 6);
  for (auto* pool : {&flat, &near, &alive, &never}) {
    pool->add(start);
    EXPECT_EQ(pool->numbers().at("collapsed"), 0);
    EXPECT_EQ(pool->start()->rank, pool->numbers().at("effective_rank"));
  }
  // All on one line: rank 1, the spread is as before.
  flat.add(start.select(2, 0).unsqueeze(2) * at::ones({6}));
  EXPECT_EQ(flat.numbers().at("collapsed"), 1);
  EXPECT_GT(flat.numbers().at("embedding_spread"), 0.5);
  // The same directions close to one point: the spread goes.
  near.add(10 + 0.1 * start);
  EXPECT_EQ(near.numbers().at("collapsed"), 1);
  alive.add(odd(12, 1, 6, 100));
  EXPECT_EQ(alive.numbers().at("collapsed"), 0);
  never.add(at::ones({12, 1, 6}));
  EXPECT_EQ(never.numbers().at("collapsed"), 0);
}

TEST(EmbeddingPool, BeforeItIsFullThereIsNoStartToFallFrom) {
  evaluate::EmbeddingPool pool(12, 0.3);
  pool.add(at::ones({5, 1, 3}));
  EXPECT_FALSE(pool.numbers().contains("collapsed"));
  EXPECT_FALSE(pool.start().has_value());
}
