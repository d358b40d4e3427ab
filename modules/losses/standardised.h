#pragma once
// Rows measured by the spread of the whole batch.

#include <ATen/core/Tensor.h>

#include "runtime/comm.h"

namespace losses {

// (x - mean) / sqrt(variance + floor) of each column, mean and variance (over n) of the rows of all ranks, with their
// gradients. rows [N, C], the same N on every rank; every rank must come here. A column of one value becomes 0.
at::Tensor standardised(const at::Tensor& rows, double floor, runtime::Comm& comm);

}  // namespace losses
