#pragma once
// The head between an encoder's embedding and a contrastive loss; thrown away afterwards.

#include <torch/nn/module.h>

#include <cstdint>

#include "runtime/comm.h"

namespace ssl {

// Linear, batch normalisation, ReLU, Linear. The normalisation takes mean and variance (over n) of the global batch,
// gathered over ranks with their gradients, so that two ranks with half of the batch each compute what one does with
// all of it; it keeps no running statistics. Rows [N, in] -> [N, out]; every rank must come here.
class Projector : public torch::nn::Module {
 public:
  Projector(std::int64_t in, std::int64_t hidden, std::int64_t out);
  at::Tensor forward(const at::Tensor& rows, runtime::Comm& comm);

 private:
  std::shared_ptr<torch::nn::Module> first_, last_;
  at::Tensor weight_, bias_;  // of the normalisation
};

}  // namespace ssl
