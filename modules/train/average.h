#pragma once
// The average of the weights over the steps (EMA), which often scores better than the weights themselves.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "train/checkpoint.h"
#include "train/learner.h"

namespace train {

// average += (1 - d) (weight - average) with d = min(decay, (1 + n) / (10 + n)) after n updates, so that the first
// weights are soon forgotten. Weights that take no gradient are left out. Decay 0: nothing is kept.
class Average {
 public:
  // Begins with the weights as they are; they are live and must stay the same tensors.
  Average(const NamedTensors& weights, double decay);

  void update(std::int64_t updates_done);
  TensorsByName state() const;
  // Throws usage Error when a tensor is missing or has another shape.
  void load(const TensorsByName& state);

 private:
  double decay_;
  std::vector<std::string> names_;
  std::vector<at::Tensor> weights_, averages_;
};

}  // namespace train
