// What ranks do when one of them is late: takes the seconds that they wait.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "comm_bodies.h"
#include "ranks.h"

namespace {

TEST(SlowProcesses, ARankThatDoesNotAnswerIsNamedAfterTheTimeout) {
  const auto ends = as_ranks(2, 2, [](runtime::Comm& comm) {
    comm.barrier();
    if (comm.rank() == 1) std::this_thread::sleep_for(std::chrono::seconds(8));
    const std::string error = error_of([&] {
      at::Tensor tensor = at::ones({4});
      comm.all_reduce_sum(tensor);
    });
    EXPECT_NE(error.find("rank " + std::to_string(1 - comm.rank()) + " of 2 has ended or did not answer"),
              std::string::npos)
        << error;
  });
  for (const int end : ends) EXPECT_EQ(end, 0);
}

TEST(SlowProcesses, ARankThatBeginsNoSumIsNamedAfterTheTimeout) {
  const auto ends = as_ranks(2, 2, [](runtime::Comm& comm) {
    comm.barrier();
    if (comm.rank() == 1) return std::this_thread::sleep_for(std::chrono::seconds(8));
    const auto sum = comm.begin_sum(at::ones({4}));
    const std::string error = error_of([&] { sum->wait(); });
    EXPECT_NE(error.find("rank 1 of 2 has ended or did not answer"), std::string::npos) << error;
  });
  for (const int end : ends) EXPECT_EQ(end, 0);
}

// No route, no answer, no such name: told within the time it was given.
TEST(SlowProcesses, AnAddressThatCannotBeReachedIsToldInTime) {
  for (const char* const address : {"192.0.2.1", "10.255.255.1", "no-such-machine.invalid"}) {
    runtime::Ranks ranks;
    ranks.size = 2;
    ranks.rank = 1;
    ranks.address = address;
    const auto start = std::chrono::steady_clock::now();
    const std::string error = error_of([&] { runtime::meet(ranks, {10, 10}); });
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    EXPECT_NE(error.find(std::string("ranks met at ") + address + ":29500"), std::string::npos) << error;
    EXPECT_LT(taken.count(), 60) << address;
  }
}

TEST(SlowProcesses, ABarrierWaitsForARankThatHasWorkToDo) {
  const auto ends = as_ranks(2, 3, [](runtime::Comm& comm) {
    if (comm.rank() == 0) std::this_thread::sleep_for(std::chrono::seconds(6));
    comm.barrier();
    at::Tensor tensor = at::ones({1});
    comm.all_reduce_sum(tensor);
    EXPECT_EQ(tensor.item<float>(), 2);
  });
  for (const int end : ends) EXPECT_EQ(end, 0);
}

}  // namespace
