#pragma once
// Means over counted voxels, the same on any number of ranks.

#include <ATen/core/Tensor.h>

#include "data/batch.h"
#include "runtime/comm.h"

namespace ssl {

// [N, 1, D, H, W]: 1 where a voxel was hidden and lies inside of its case: what lies outside is no picture.
at::Tensor hidden_inside(const data::View& view);

// For a loss of which such a mean is one term among others (a method whose loss is that mean alone says so to the
// trainer: train::Coupling::kMean). Ranks have unlike numbers of counted voxels. A rank's mean over its own, times this
// factor, has as mean over ranks what one process with the whole batch has; so have the gradients. counted: 1 where
// counted, any shape and type; returns a float32 scalar, 1 with one rank. Every rank must come here.
at::Tensor weight_of(const at::Tensor& counted, runtime::Comm& comm);

}  // namespace ssl
