#pragma once
// Batch normalisation over the samples of all ranks (Ioffe and Szegedy, ICML 2015).

#include <torch/nn/module.h>

#include <cstdint>

#include "runtime/comm.h"

namespace models {

// (x - mean) / sqrt(variance + 1e-5), times weight, plus bias ([C], or both undefined), for x [N, C, ...]. Mean and
// variance (over n) of a channel are those of all other axes and of all ranks, so that ranks with parts of a batch each
// compute what one rank does with all of it; parts may differ in N. In float32 or better; the result has x's type.
// Differentiable once, with the gradient of the sum of the ranks' losses, as Comm::all_gather; those of weight and bias
// are this rank's share. Every rank must come here, and to its backward. Throws usage Error when a channel has one
// value alone.
at::Tensor batch_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, runtime::Comm& comm);

// The same with running statistics, named as in torch's BatchNorm, whose values, gradients and statistics are those of
// one process with the batch of all ranks. While training the statistics are the batch's and the running ones follow,
// the same bits on each rank; in evaluation the running ones are taken and no rank is asked.
struct BatchNorm : torch::nn::Module {
  explicit BatchNorm(std::int64_t channels, double momentum = 0.1);
  at::Tensor forward(const at::Tensor& x, runtime::Comm& comm);
  at::Tensor weight, bias, running_mean, running_var, num_batches_tracked;
  double momentum;  // share of the batch at hand
};

}  // namespace models
