#pragma once
// Codes of which few numbers are used at a time.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace losses {

// L2 pooling: the mean over rows of the sum over groups of `pool` neighbouring numbers of sqrt(floor + sum of their
// squares) - sqrt(floor), so that a code of zeros costs nothing. A group is used or left as a whole: numbers of one
// group come to stand for one thing in its varieties. codes [N, K], K a multiple of `pool`; pool 1 is a smooth sum of
// |h|. A scalar >= 0, differentiable. Le et al., "Building high-level features using large scale unsupervised
// learning", ICML 2012.
at::Tensor pooled_sparsity(const at::Tensor& codes, std::int64_t pool, double floor = 1e-4);

}  // namespace losses
