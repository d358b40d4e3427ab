#pragma once
// AdamW of one phase (Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019), one fused kernel for
// all its tensors.

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <vector>

#include "runtime/comm.h"
#include "train/learner.h"
#include "train/settings.h"

namespace train {

// Parameters without a gradient are left as they are, as in torch. Those of one dimension (biases, norms) are not
// decayed.
class AdamW {
 public:
  // The phase's parameters are live and must stay the same tensors. Throws Error when a name comes twice.
  AdamW(const Phase& phase, const TrainerSettings& settings);

  void clear_gradients();
  // The mean over ranks, in place, in buckets. A parameter that has a gradient on one rank has one on all afterwards.
  void average_gradients(runtime::Comm& comm);
  // Scales all gradients down to the norm (0: leaves them) and returns the norm they had, a scalar on the device. Where
  // that is NaN they stay as they are, so that it can be seen which are no numbers.
  at::Tensor clip(double norm);
  // Where `skip` (a float scalar on the device) is 1 nothing changes; undefined means 0.
  void update(double learning_rate, const at::Tensor& skip = {});

  // Moments and step counts by name, live.
  std::map<std::string, at::Tensor> state() const;
  // Throws Error when a tensor is missing or has another shape.
  void load(const std::map<std::string, at::Tensor>& state);

 private:
  struct Slot {
    std::string name;
    at::Tensor parameter, mean, square, steps;
    bool decayed = false;
  };
  std::vector<at::Tensor> gradients() const;

  std::vector<Slot> slots_;
  double beta1_, beta2_, weight_decay_;
};

}  // namespace train
