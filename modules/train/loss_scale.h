#pragma once
// What a loss is multiplied with before its gradient is computed in fp16, so that small gradients do not vanish.
// Micikevicius et al., "Mixed precision training", ICLR 2018.

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include "train/checkpoint.h"
#include "train/learner.h"

namespace train {

// Begins at 65536; halved by each step that was left out, doubled after 2000 others in a row.
class LossScale {
 public:
  explicit LossScale(c10::Device device);

  const at::Tensor& factor() const { return factor_; }  // float scalar on the device, live
  // Divides the gradients of these parameters, where they have one, by it.
  void divide(const Parameters& parameters) const;
  // `left_out`: float scalar on the device, 1 where the step was.
  void update(const at::Tensor& left_out);

  // Empty before the first update: a run in other numbers has none.
  TensorsByName state() const;
  // What is not there stays.
  void load(const TensorsByName& state);

 private:
  at::Tensor factor_, good_steps_;
  bool used_ = false;
};

}  // namespace train
