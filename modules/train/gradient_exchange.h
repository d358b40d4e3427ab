#pragma once
// The mean of gradients over ranks, sent while backward still computes the rest of them.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "runtime/comm.h"
#include "train/learner.h"

namespace train {

// Of the parameters of one phase, which are the same on all ranks. They lie in buckets from the last parameter to the
// first, as backward mostly comes to them, and a bucket's sum begins when its gradients are there (Li et al., "PyTorch
// Distributed", VLDB 2020). The result does not depend on when that was. With one rank nothing is done.
//
// A gradient that comes again after its bucket was sent (a network that is run twice within checkpointed parts) costs
// that bucket a second sum; from then on it is waited for. Holds a copy of all gradients in memory.
class GradientExchange {
 public:
  static constexpr std::int64_t kBucketBytes = std::int64_t{16} << 20;

  // The parameters are live leaves and must stay the same tensors; `comm` must outlive it.
  GradientExchange(const Parameters& parameters, runtime::Comm& comm, std::int64_t bucket_bytes = kBucketBytes);
  ~GradientExchange();
  GradientExchange(const GradientExchange&) = delete;
  GradientExchange& operator=(const GradientExchange&) = delete;

  // Before the backward that completes the gradients: the last one of an update of several parts.
  void begin();
  // After it, on every rank: all gradients are the mean over ranks, the same bits on each. A parameter that has a
  // gradient on one rank has one on all afterwards; where none has one it stays without. Throws what Comm throws.
  void finish();

 private:
  class Buckets;
  std::unique_ptr<Buckets> buckets_;  // none with one rank
};

}  // namespace train
