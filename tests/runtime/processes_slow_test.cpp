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
