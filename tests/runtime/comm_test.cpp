#include "runtime/comm.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <stdexcept>

#include "core/error.h"
#include "runtime/device.h"

namespace {

// A loss that couples all samples of the global batch (as contrastive losses do): this rank's mean over its own rows.
at::Tensor loss_of_rows(const at::Tensor& own, const at::Tensor& all, std::int64_t first_row) {
  const at::Tensor logits = own.matmul(all.t());
  const at::Tensor target = at::arange(first_row, first_row + own.size(0), at::kLong);
  return at::nll_loss(at::log_softmax(logits, 1), target);
}

TEST(Comm, TheGradientOfAGlobalBatchLossIsThatOfOneProcess) {
  const at::Tensor start = at::linspace(-1, 1, 15, at::kDouble).reshape({5, 3});
  const at::Tensor data = at::sin(at::arange(40, at::kDouble)).reshape({8, 5});
  at::Tensor weight = start.clone().requires_grad_();
  const at::Tensor embedded = data.matmul(weight);
  loss_of_rows(embedded, embedded, 0).backward();
  for (const int ranks : {1, 2, 4}) {
    std::vector<at::Tensor> gradients(static_cast<std::size_t>(ranks));
    runtime::run_ranks(ranks, [&](runtime::Comm& comm) {
      at::Tensor own = start.clone().requires_grad_();
      const std::int64_t rows = 8 / comm.size();
      const at::Tensor part = data.narrow(0, comm.rank() * rows, rows).matmul(own);
      loss_of_rows(part, comm.all_gather(part), comm.rank() * rows).backward();
      at::Tensor gradient = own.grad();
      comm.all_reduce_sum(gradient);
      gradients[static_cast<std::size_t>(comm.rank())] = gradient / comm.size();
    });
    for (const at::Tensor& gradient : gradients) {
      EXPECT_TRUE(at::allclose(gradient, weight.grad(), 1e-12, 1e-12)) << ranks;
      EXPECT_TRUE(at::equal(gradient, gradients.front())) << "ranks must hold the same bits";
    }
  }
}

TEST(Comm, ReducesGathersAndBroadcastsInTheOrderOfRanks) {
  runtime::run_ranks(3, [](runtime::Comm& comm) {
    for (int round = 0; round < 50; ++round) {
      at::Tensor sum = at::full({2}, comm.rank() + 1 + round);
      comm.all_reduce_sum(sum);
      EXPECT_EQ(sum[0].item<int>(), 6 + 3 * round);
      const at::Tensor all = comm.all_gather(at::full({1, 2}, comm.rank(), at::kLong));
      EXPECT_TRUE(at::equal(all.select(1, 0), at::arange(3)));
      at::Tensor value = at::full({1}, comm.rank() * 10);
      comm.broadcast(value, 2);
      EXPECT_EQ(value.item<int>(), 20);
      comm.barrier();
    }
  });
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
