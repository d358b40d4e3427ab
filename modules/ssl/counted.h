#pragma once
// Means over counted voxels, the same on any number of ranks.

#include <ATen/core/Tensor.h>

#include "runtime/comm.h"

namespace ssl {

// Ranks have unlike numbers of counted voxels. A rank's mean over its own, times this factor, has as mean over ranks
// what one process with the whole batch has; so have the gradients. counted: 1 where counted, any shape and type;
// returns a float32 scalar, 1 with one rank. Every rank must come here.
at::Tensor weight_of(const at::Tensor& counted, runtime::Comm& comm);

}  // namespace ssl
