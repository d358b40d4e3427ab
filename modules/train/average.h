#pragma once
// The average of the weights over the steps (EMA), which often scores better than the weights themselves.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "train/checkpoint.h"
#include "train/learner.h"

namespace train {

// average += (1 - d) (weight - average) with d = min(decay, (1 + n) / (10 + n)) after n updates, so that the first
// weights are soon forgotten. Of all parameters of the phases; the optimisers move them, in the pass that changes the
// parameter. Decay 0: nothing is kept.
class Average {
 public:
  // Begins with the parameters as they are.
  Average(const std::vector<Phase>& phases, double decay);

  // 1 - d of the update after which `updates_done` are done; 0 where nothing is kept.
  double share(std::int64_t updates_done) const;
  // The live average of a parameter, for whoever moves it; undefined where there is none or it was taken before.
  at::Tensor take(const at::Tensor& parameter);

  TensorsByName state() const;
  // Throws usage Error when a tensor is missing or has another shape.
  void load(const TensorsByName& state);

 private:
  struct Kept {
    std::string name;
    at::Tensor parameter, average;
    bool taken = false;
  };
  double decay_;
  std::vector<Kept> kept_;
};

}  // namespace train
