#pragma once
// Updates that gather in a momentum: what sgd and lars share.

#include <span>

#include "train/optimiser.h"

namespace train {

// d = pull * trust (gradient + decay * parameter); momentum = memory * momentum + d; then parameter -= rate * momentum,
// or with `ahead` (Nesterov) rate * (memory * momentum + d). kept[0] is the momentum.
struct MomentumMove {
  Slot* slot;
  double decay = 0;  // of the weights
  double pull = 1, rate = 1;
  at::Tensor trust = at::Tensor();  // scalar on the device; undefined: 1
};
void move_by_momentum(std::span<const MomentumMove> moves, double memory, bool ahead, const Update& update,
                      const at::Tensor& gradient_scale);

}  // namespace train
