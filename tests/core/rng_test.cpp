#include "core/rng.h"

#include <gtest/gtest.h>

#include <cmath>

using core::DrawKey;
using core::Rng;

// Known answers: Random123 1.09, kat_vectors, philox 4x32 10 rounds.
TEST(Philox, AgreesWithThePublishedKnownAnswers) {
  EXPECT_EQ(core::philox4x32({0, 0, 0, 0}, {0, 0}),
            (core::PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(core::philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (core::PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(core::philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (core::PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Rng, SameKeyDrawsTheSameNumbersAndAnyOtherKeyDrawsOthers) {
  const DrawKey key{7, 11, 1, 3};
  Rng a(key), b(key);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(a(), b());
  for (const DrawKey& other : {DrawKey{8, 11, 1, 3}, DrawKey{7, 12, 1, 3}, DrawKey{7, 11, 2, 3}, DrawKey{7, 11, 1, 4},
                               DrawKey{7, 11 + (1ull << 32), 1, 3}, DrawKey{7 + (1ull << 32), 11, 1, 3}}) {
    Rng x(key), y(other);
    EXPECT_NE(x.uniform(), y.uniform());
  }
}

TEST(Rng, UniformAndNormalHaveTheirMoments) {
  Rng rng(DrawKey{1, 2, 3, 4});
  const int n = 200000;
  double sum = 0, square = 0, uniform = 0;
  for (int i = 0; i < n; ++i) {
    const double x = rng.normal();
    sum += x;
    square += x * x;
    const double u = rng.uniform();
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    uniform += u;
  }
  EXPECT_NEAR(sum / n, 0.0, 5.0 / std::sqrt(n));
  EXPECT_NEAR(square / n, 1.0, 5.0 * std::sqrt(2.0 / n));
  EXPECT_NEAR(uniform / n, 0.5, 5.0 * std::sqrt(1.0 / 12 / n));
}

TEST(Rng, BelowReachesEveryValueEquallyOften) {
  Rng rng(DrawKey{5, 0, 0, 0});
  std::array<int, 7> count{};
  for (int i = 0; i < 70000; ++i) ++count[rng.below(7)];
  for (const int c : count) EXPECT_NEAR(c, 10000, 5 * std::sqrt(10000.0 * 6 / 7));
}
