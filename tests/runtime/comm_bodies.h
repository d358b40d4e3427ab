#pragma once
// What every backend of Comm must do, as bodies that each rank runs.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "runtime/comm.h"

// A loss that couples all samples of the global batch (as contrastive losses do): this rank's mean over its own rows.
inline at::Tensor loss_of_rows(const at::Tensor& own, const at::Tensor& all, std::int64_t first_row) {
  const at::Tensor logits = own.matmul(all.t());
  const at::Tensor target = at::arange(first_row, first_row + own.size(0), at::kLong);
  return at::nll_loss(at::log_softmax(logits, 1), target);
}

// For 1, 2, 4 or 8 ranks.
inline void expect_the_gradient_of_one_process(runtime::Comm& comm) {
  const at::Tensor start = at::linspace(-1, 1, 15, at::kDouble).reshape({5, 3});
  const at::Tensor data = at::sin(at::arange(40, at::kDouble)).reshape({8, 5});
  at::Tensor weight = start.clone().requires_grad_();
  const at::Tensor embedded = data.matmul(weight);
  loss_of_rows(embedded, embedded, 0).backward();

  at::Tensor own = start.clone().requires_grad_();
  const std::int64_t rows = 8 / comm.size();
  const at::Tensor part = data.narrow(0, comm.rank() * rows, rows).matmul(own);
  loss_of_rows(part, comm.all_gather(part), comm.rank() * rows).backward();
  at::Tensor gradient = own.grad();
  comm.all_reduce_sum(gradient);
  EXPECT_TRUE(at::allclose(gradient / comm.size(), weight.grad(), 1e-12, 1e-12)) << comm.size();
  for (const at::Tensor& each : comm.all_gather(gradient.unsqueeze(0)).unbind())
    EXPECT_TRUE(at::equal(each, gradient)) << "ranks must hold the same bits";
}

// For 3 ranks.
inline void expect_sums_parts_and_values_in_the_order_of_ranks(runtime::Comm& comm) {
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
  at::Tensor scalar = at::full({}, 0.5 * comm.rank(), at::kDouble);
  comm.all_reduce_sum(scalar);
  EXPECT_EQ(scalar.item<double>(), 1.5);
  at::Tensor column = at::arange(6, at::kFloat).reshape({2, 3}).select(1, comm.rank());  // of strided memory
  comm.all_reduce_sum(column);
  EXPECT_TRUE(at::equal(column, at::tensor({3.0f, 12.0f})));
  const at::Tensor flags = comm.all_gather(at::full({1}, comm.rank() == 1, at::kBool));
  EXPECT_TRUE(at::equal(flags, at::tensor({0, 1, 0}).to(at::kBool)));
  EXPECT_EQ(comm.all_gather(at::zeros({0, 4})).size(0), 0);
}

// For any number of ranks up to 5.
inline void expect_sums_under_way_to_have_the_bits_of_those_waited_for(runtime::Comm& comm) {
  for (int round = 0; round < 20; ++round) {
    std::vector<at::Tensor> begun, expected;
    std::vector<std::unique_ptr<runtime::Sum>> sums;
    for (int i = 0; i < 5; ++i) {
      begun.push_back(at::sin(at::arange(100 * (i + 1), at::kFloat) * (comm.rank() + 1.5 + round)));
      expected.push_back(begun.back().clone());
      comm.all_reduce_sum(expected.back());
    }
    for (int i = 0; i < 5; ++i) {
      sums.push_back(comm.begin_sum(begun[static_cast<std::size_t>(i)]));
      if (i == comm.rank()) comm.barrier();  // another call, in between elsewhere on each rank
    }
    for (std::size_t i = 5; i-- > 0;) {
      sums[i]->wait();
      EXPECT_TRUE(at::equal(begun[i], expected[i])) << round << " " << i;
    }
  }
  at::Tensor column = at::arange(6, at::kDouble).reshape({2, 3}).select(1, 1);  // of strided memory
  const auto sum = comm.begin_sum(column);
  sum->wait();
  EXPECT_EQ(column[1].item<double>(), 4 * comm.size());
  comm.begin_sum(at::zeros({0}))->wait();
}
