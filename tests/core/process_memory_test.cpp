#include "core/process_memory.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>

// Asked of the system and given back to it, whatever an allocator would keep.
TEST(ProcessMemory, SeesWhatIsTakenAndKeepsTheMost) {
  constexpr std::int64_t kMuch = 64 << 20;
  const std::int64_t before = core::resident_bytes();
  ASSERT_GT(before, 1 << 20);
  void* const much = ::mmap(nullptr, kMuch, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(much, MAP_FAILED);
  std::memset(much, 1, kMuch);
  EXPECT_GT(core::resident_bytes(), before + kMuch * 9 / 10);
  ::munmap(much, kMuch);
  EXPECT_GT(core::most_resident_bytes(), before + kMuch * 9 / 10);
  if (!core::restart_most_resident()) GTEST_SKIP() << "the most cannot be restarted here";
  EXPECT_LT(core::most_resident_bytes(), before + kMuch / 2);
}
