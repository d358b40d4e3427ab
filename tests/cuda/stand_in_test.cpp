// What the stand-in for CUDA does for kernels that are right, and how it tells those that are wrong.
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "cuda/faults.h"

namespace {

template <class Launch>
void expect_refused(const Launch& launch, const std::string& why) {
  try {
    launch();
    ADD_FAILURE() << "nothing was thrown; expected: " << why;
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find(why), std::string::npos) << error.what();
  }
}

std::vector<float> turned_around(bool with_barrier) {
  std::vector<float> voxels(3 * 64);
  for (std::size_t i = 0; i < voxels.size(); ++i) voxels[i] = static_cast<float>(i);
  faults::stand_in::run_turn_around(with_barrier, 3, voxels.data());
  return voxels;
}

}  // namespace

TEST(StandIn, EveryThreadOfEveryBlockRunsOnceAtItsPlace) {
  std::vector<int> numbers(10 * 9 * 4, 1000);
  faults::stand_in::run_number_all(numbers.data());
  for (int z = 0, i = 0; z < 4; ++z) {
    for (int y = 0; y < 9; ++y) {
      for (int x = 0; x < 10; ++x, ++i) EXPECT_EQ(numbers[static_cast<std::size_t>(i)], 1000 + 100 * z + 10 * y + x);
    }
  }
}

TEST(StandIn, ABarrierLetsThreadsReadWhatOthersWrote) {
  const std::vector<float> voxels = turned_around(true);
  for (int i = 0; i < 3 * 64; ++i) EXPECT_EQ(voxels[static_cast<std::size_t>(i)], i / 64 * 64 + 63 - i % 64);
}

TEST(StandIn, WithoutTheBarrierSharedMemoryIsReadAsNan) {
  const std::vector<float> voxels = turned_around(false);
  int unwritten = 0;
  for (const float voxel : voxels) unwritten += std::isnan(voxel) ? 1 : 0;
  EXPECT_EQ(unwritten, 3 * 32);  // of two threads that swap, the first finds nothing
}

TEST(StandIn, AShuffleReadsFurtherUpTheWarpAndEndsAtItsEdge) {
  for (const int distance : {1, 5, 16, 31}) {
    std::vector<double> from_below(64);
    std::vector<int> first(64);
    faults::stand_in::run_shuffle(distance, from_below.data(), first.data());
    for (int i = 0; i < 64; ++i) {
      const auto at = static_cast<std::size_t>(i);
      EXPECT_EQ(from_below[at], (i % 32 + distance < 32 ? i + distance : i) + 0.5);
      EXPECT_EQ(first[at], i < 32 ? 496 : 496 + 32 * 32);  // 0 + ... + 31
    }
  }
}

TEST(StandIn, ABarrierThatNotAllReachIsAnErrorAndNoHang) {
  expect_refused([] { faults::stand_in::run_leave_early(); }, "is not reached by all: 61 of 64 threads wait");
  expect_refused([] { faults::stand_in::run_wait_apart(); }, "wait for each other at lines");
  EXPECT_EQ(turned_around(true)[0], 63) << "the next launch is as any other";
}

TEST(StandIn, WritingBehindAnArrayOfSharedMemoryIsAnError) {
  EXPECT_NO_THROW(faults::stand_in::run_write_behind(63));
  expect_refused([] { faults::stand_in::run_write_behind(64); }, "written behind an array of shared memory");
}

TEST(StandIn, WhatHangsOnTheOrderDiffersFromRunToRun) {
  std::set<int> blocks, threads;
  for (int i = 0; i < 20; ++i) {
    int block = -1, thread = -1;
    faults::stand_in::run_last_wins(&block, &thread);
    blocks.insert(block);
    threads.insert(thread);
  }
  EXPECT_GT(blocks.size(), 3u);
  EXPECT_GT(threads.size(), 10u);
}

TEST(StandIn, LaunchesThatCudaWouldNotStartAreErrors) {
  const auto refused = [](unsigned blocks, unsigned along_y, unsigned threads, std::size_t bytes, const char* why) {
    expect_refused([&] { faults::stand_in::run_ask_for(blocks, along_y, threads, bytes); }, why);
  };
  constexpr std::size_t kRest = (48 << 10) - 256;
  EXPECT_NO_THROW(faults::stand_in::run_ask_for(1, 1, 1024, kRest));
  refused(1, 1, 1, kRest + 4, "49156 bytes of shared memory");
  refused(1, 1, 1, 49156, "49156 bytes of shared memory");
  refused(1, 1, 1025, 8, "1025 x 1 x 1 threads");
  refused(1, 1, 0, 8, "0 x 1 x 1 threads");
  refused(0, 1, 1, 8, "0 x 1 x 1 blocks");
  refused(1, 65536, 1, 8, "1 x 65536 x 1 blocks");
}
