#include "core/process_memory.h"

#include <gtest/gtest.h>

#include <vector>

TEST(ProcessMemory, SeesWhatIsTakenAndKeepsTheMost) {
  constexpr std::int64_t kMuch = 64 << 20;
  const std::int64_t before = core::resident_bytes();
  ASSERT_GT(before, 1 << 20);
  {
    const std::vector<char> much(kMuch, 1);
    EXPECT_GT(core::resident_bytes() + much[5], before + kMuch * 9 / 10);
  }
  EXPECT_GT(core::most_resident_bytes(), before + kMuch * 9 / 10);
  if (!core::restart_most_resident()) GTEST_SKIP() << "the most cannot be restarted here";
  EXPECT_LT(core::most_resident_bytes(), before + kMuch / 2);
}
