#include "core/recently_used.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace {

using Cache = core::RecentlyUsed<int, std::string>;

Cache::Pointer made(const std::string& text) { return std::make_shared<const std::string>(text); }
std::int64_t length(const std::string& text) { return static_cast<std::int64_t>(text.size()); }

TEST(RecentlyUsed, LetsGoOfWhatWasNotAskedForLongest) {
  Cache cache(10);
  cache.keep(1, made("aaaa"), 4);
  cache.keep(2, made("bbbb"), 4);
  EXPECT_NE(cache.find(1), nullptr);
  cache.keep(3, made("cccc"), 4);
  EXPECT_EQ(cache.find(2), nullptr);
  EXPECT_EQ(*cache.find(1), "aaaa");
  EXPECT_EQ(*cache.find(3), "cccc");
  EXPECT_EQ(cache.used(), 8);
}

TEST(RecentlyUsed, GivesWhatIsTooLargeWithoutKeepingIt) {
  Cache cache(3);
  cache.keep(1, made("aaa"), 3);
  EXPECT_EQ(*cache.keep(2, made("bbbb"), 4), "bbbb");
  EXPECT_EQ(cache.find(2), nullptr);
  EXPECT_NE(cache.find(1), nullptr);
}

TEST(RecentlyUsed, KeepsTheFirstOfTwoUnderOneKey) {
  Cache cache(10);
  cache.keep(1, made("a"), 1);
  EXPECT_EQ(*cache.keep(1, made("b"), 1), "a");
  EXPECT_EQ(cache.used(), 1);
}

TEST(RecentlyUsed, WhatGoesLivesOnWithItsUser) {
  Cache cache(4);
  const Cache::Pointer mine = cache.keep(1, made("aaaa"), 4);
  cache.keep(2, made("bbbb"), 4);
  EXPECT_EQ(cache.find(1), nullptr);
  EXPECT_EQ(*mine, "aaaa");
}

TEST(RecentlyUsed, ManyThreadsGetTheRightValuesWithinTheRoom) {
  Cache cache(50);
  std::atomic<int> wrong = 0, made_count = 0;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 2000; ++i) {
        const int key =
            (i / 2 * 7 + t * 13) % 40;  // each twice in a row, so that some are found however threads take turns
        const auto value = cache.get(
            key, [&] { return ++made_count, made(std::string(static_cast<std::size_t>(key % 5 + 1), 'x')); }, length);
        wrong += length(*value) == key % 5 + 1 ? 0 : 1;
        wrong += cache.used() <= 50 ? 0 : 1;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(wrong, 0);
  EXPECT_LT(made_count, 8000) << "some were kept";
}

}  // namespace
