#pragma once
// How far a predicted embedding lies from what it should be.

#include <ATen/core/Tensor.h>

namespace losses {

// Mean of d^2 / 2 where |d| < 1 and of |d| - 1/2 elsewhere, d = prediction - target, of any equal shape; no gradient to
// the target. Huber, "Robust estimation of a location parameter", 1964.
at::Tensor smooth_distance(const at::Tensor& prediction, const at::Tensor& target);

}  // namespace losses
