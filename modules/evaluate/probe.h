#pragma once
// What frozen embeddings know: the nearest neighbours and linear models on top of them.
//
// Embeddings are [N, C] float, labels [N] int64 from 0 to classes - 1, on any device; results are float64 on the CPU.
// Deterministic. Throws Error on an embedding that is not finite or a training set that is empty.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace evaluate {

struct NeighbourOptions {
  std::int64_t k = 20;        // fewer when the training set is smaller
  double temperature = 0.07;  // weight of a neighbour = exp(cosine similarity / temperature)
};
// [M, classes]: votes of the k training embeddings that are most alike, sum 1 (Z. Wu et al., "Unsupervised feature
// learning via non-parametric instance discrimination", CVPR 2018). Among equally alike ones the first count.
at::Tensor knn_probabilities(const at::Tensor& train, const at::Tensor& labels, const at::Tensor& test,
                             std::int64_t classes, const NeighbourOptions& options = {});

struct LogisticOptions {
  double strength = 1;      // C: the loss is C times the sum of cross entropies + half the squared weights (no bias)
  int iterations = 200;     // of L-BFGS, at most
  bool standardise = true;  // by mean and deviation of the training embeddings
};
// [M, classes]: multinomial logistic regression fitted on all of `train` at once.
at::Tensor logistic_probabilities(const at::Tensor& train, const at::Tensor& labels, const at::Tensor& test,
                                  std::int64_t classes, const LogisticOptions& options = {});

// [M]: ridge regression on standardised embeddings with an intercept, |y - Xw - b|^2 + alpha |w|^2, solved exactly.
at::Tensor ridge_predictions(const at::Tensor& train, const at::Tensor& targets, const at::Tensor& test,
                             double alpha = 1);

}  // namespace evaluate
