#pragma once
// A loss of the global batch: what ranks with parts of it compute together is what one computes with all.

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <vector>

#include "finite_difference.h"
#include "runtime/comm.h"

inline const std::unique_ptr<runtime::Comm> kAlone = runtime::alone();

// The loss is given `views` tensors [n, 3] of this rank's rows. Value and gradient (of a weight in front of it) on 2
// and 4 ranks against one.
inline void expect_ranks_are_one(
    std::int64_t views, const std::function<at::Tensor(const std::vector<at::Tensor>&, runtime::Comm&)>& loss) {
  const at::Tensor data = wave({views, 8, 5}), start = wave({5, 3}, 0.2);
  at::Tensor weight = start.clone().requires_grad_();
  const at::Tensor whole = loss(data.matmul(weight).unbind(0), *runtime::alone());
  whole.backward();
  for (const int ranks : {2, 4}) {
    std::vector<at::Tensor> values(static_cast<std::size_t>(ranks)), gradients(values.size());
    runtime::run_ranks(ranks, [&](runtime::Comm& comm) {
      at::Tensor own = start.clone().requires_grad_();
      const std::int64_t rows = 8 / comm.size();
      const at::Tensor part = loss(data.narrow(1, comm.rank() * rows, rows).matmul(own).unbind(0), comm);
      part.backward();
      at::Tensor value = part.detach().clone(), gradient = own.grad();
      comm.all_reduce_sum(value);
      comm.all_reduce_sum(gradient);
      values[static_cast<std::size_t>(comm.rank())] = value / comm.size();
      gradients[static_cast<std::size_t>(comm.rank())] = gradient / comm.size();
    });
    for (std::size_t rank = 0; rank < values.size(); ++rank) {
      EXPECT_NEAR(values[rank].item<double>(), whole.item<double>(), 1e-11) << ranks;
      EXPECT_TRUE(at::allclose(gradients[rank], weight.grad(), 1e-9, 1e-11)) << ranks;
    }
  }
}
