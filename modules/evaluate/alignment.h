#pragma once
// How embeddings lie on the unit sphere: T. Wang and P. Isola, "Understanding contrastive representation learning
// through alignment and uniformity on the hypersphere", ICML 2020. Rows of any length are brought to length 1 first
// (rows of 0 stay 0). Computed in float64 on the CPU. Throw Error on an embedding that is not finite.

#include <ATen/core/Tensor.h>

namespace evaluate {

// a, b [N, C]: embeddings of two views of N samples. Mean square distance of the two: 0 when they agree, 2 when they
// have nothing in common, at most 4.
double alignment(const at::Tensor& a, const at::Tensor& b);

// embeddings [N, C], N >= 2. log of the mean over all pairs of exp(-2 distance^2): 0 when all are alike, about -4 when
// they are spread evenly over the sphere of a large space; lower is more even.
double uniformity(const at::Tensor& embeddings);

}  // namespace evaluate
