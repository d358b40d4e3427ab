#pragma once
// The loss of a batch and its gradient, computed in parts, so that less of it lies in memory at once.

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "runtime/comm.h"
#include "train/learner.h"
#include "train/timings.h"

namespace train {

// How it is computed.
struct Computation {
  c10::Device device = c10::Device(c10::kCPU);
  std::string precision = "fp32";  // or bf16, fp16
  bool recompute = false;          // runtime/recompute.h
  at::Tensor loss_scale;           // undefined: 1
  Timings* timings = nullptr;      // told of forward and backward
};

struct Computed {
  at::Tensor loss;                          // scalar, float64, detached; its mean over ranks is that of the whole batch
  std::map<std::string, at::Tensor> watch;  // means over the parts
};

// Throws usage Error, naming `learner` and what to do, where its loss cannot be computed in so many parts.
void check_parts(Learner& learner, std::int64_t parts);

// Adds the gradient of a phase's loss to that of its parameters (times how.loss_scale, where that is defined):
// the same as from the whole batch, up to the order of summation. Exact for every learner whose coupling() is kMean or
// kEmbeddings, whatever it draws for a sample by the sample's number; what it draws from torch's generators is another
// draw for another number of parts. kEmbeddings costs one more pass without a gradient. `before_last` is called before
// the last backward pass, with which gradients become whole: for what follows them by hooks. Throws usage Error when
// the batch cannot be cut into `parts` equal parts; all ranks come here together.
Computed backward_in_parts(
    Learner& learner, std::size_t phase, const data::Batch& batch, const Moment& moment, std::int64_t parts,
    runtime::Comm& comm, const Computation& how, const std::function<void()>& before_last = [] {});

}  // namespace train
