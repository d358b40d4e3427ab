#pragma once
// How many directions embeddings fill: a number that falls when self-supervised training collapses.

#include <ATen/core/Tensor.h>

namespace evaluate {

// embeddings [N, C], any float type and device. Garrido et al., "RankMe", ICML 2023: exp of the entropy of the singular
// values over their sum, between 1 (all rows along one line) and min(N, C); computed in float64 on the CPU. 0 when all
// are 0. Throws Error on an embedding that is not finite.
double effective_rank(const at::Tensor& embeddings);

// Norm of the rows less their mean over the norm of the rows: 0 when all are alike, at most 1.
double embedding_spread(const at::Tensor& embeddings);

// Rows brought to length 1 (rows of 0 stay 0); of each dimension the standard deviation over the rows; their mean times
// the square root of C: 1 when they point everywhere alike, 0 when all point one way. X. Chen and K. He, "Exploring
// simple Siamese representation learning", CVPR 2021, section 4.1.
double embedding_deviation(const at::Tensor& embeddings);

// [N, C] float64 on the CPU, each row of length 1 or 0.
at::Tensor unit_rows(const at::Tensor& embeddings);

}  // namespace evaluate
