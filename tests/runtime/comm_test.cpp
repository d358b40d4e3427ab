#include "runtime/comm.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>

#include "comm_bodies.h"
#include "core/error.h"
#include "runtime/device.h"

namespace {

TEST(Comm, TheGradientOfAGlobalBatchLossIsThatOfOneProcess) {
  for (const int ranks : {1, 2, 4}) runtime::run_ranks(ranks, expect_the_gradient_of_one_process);
}

TEST(Comm, ReducesGathersAndBroadcastsInTheOrderOfRanks) {
  runtime::run_ranks(3, expect_sums_parts_and_values_in_the_order_of_ranks);
}

TEST(Comm, SumsUnderWayHaveTheBitsOfThoseWaitedForWhateverIsCalledBetween) {
  for (const int ranks : {1, 2, 4})
    runtime::run_ranks(ranks, expect_sums_under_way_to_have_the_bits_of_those_waited_for);
}

TEST(Comm, ASumThatARankNeverBeginsOrBeginsWithAnotherShapeIsAnErrorAndNoDeadlock) {
  EXPECT_THROW(runtime::run_ranks(3,
                                  [](runtime::Comm& comm) {
                                    if (comm.rank() > 0) comm.begin_sum(at::ones({2}))->wait();
                                  }),
               core::Error);
  EXPECT_THROW(runtime::run_ranks(2, [](runtime::Comm& comm) { comm.begin_sum(at::ones({comm.rank() + 1}))->wait(); }),
               core::Error);
}

TEST(Comm, AThrowingRankWakesTheOthersAndItsExceptionComesOut) {
  std::atomic<int> woken{0};
  try {
    runtime::run_ranks(4, [&](runtime::Comm& comm) {
      if (comm.rank() == 2) throw std::runtime_error("rank two stumbled");
      try {
        comm.barrier();
      } catch (const core::Error& error) {
        ++woken;
        throw;
      }
    });
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "rank two stumbled");
  }
  EXPECT_EQ(woken, 3);
}

TEST(Comm, ARankThatEndsEarlyOrBringsAnotherShapeIsAnErrorAndNoDeadlock) {
  EXPECT_THROW(runtime::run_ranks(2,
                                  [](runtime::Comm& comm) {
                                    if (comm.rank() == 0) comm.barrier();
                                  }),
               core::Error);
  EXPECT_THROW(runtime::run_ranks(2,
                                  [](runtime::Comm& comm) {
                                    at::Tensor tensor = at::zeros({comm.rank() + 1});
                                    comm.all_reduce_sum(tensor);
                                  }),
               core::Error);
}

TEST(Comm, AloneGivesBackWhatItGets) {
  const auto comm = runtime::alone();
  at::Tensor tensor = at::ones({2}).requires_grad_();
  comm->all_gather(tensor * 3).sum().backward();
  EXPECT_EQ(tensor.grad()[0].item<float>(), 3);
  EXPECT_EQ(comm->size(), 1);
}

TEST(Device, NamesWhatIsHereAndRefusesTheRest) {
  EXPECT_TRUE(runtime::device_named("cpu").is_cpu());
  EXPECT_EQ(runtime::devices().front(), "cpu");
  for (const char* const name : {"gpu", "cuda:", "cuda:99", "cuda:x", ""}) {
    try {
      runtime::device_named(name);
      FAIL() << name;
    } catch (const core::Error& error) {
      EXPECT_EQ(error.exit(), core::Exit::kUsage);
      EXPECT_NE(error.story().find("cpu"), std::string::npos);
    }
  }
  EXPECT_EQ(runtime::device_named("auto").is_cuda(), runtime::devices().size() > 1);
}

TEST(Device, ThreadsAreSetAndReported) {
  const int before = runtime::set_threads(0);
  EXPECT_EQ(runtime::set_threads(1), 1);
  EXPECT_EQ(at::get_num_threads(), 1);
  EXPECT_EQ(runtime::set_threads(before), before);
  EXPECT_THROW(runtime::set_threads(-1), core::Error);
}

}  // namespace
