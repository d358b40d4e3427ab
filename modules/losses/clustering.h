#pragma once
// Samples grouped without labels: to which prototype each belongs, and predicting that from another view.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "runtime/comm.h"

namespace losses {

// Assigns rows to prototypes so that each gets an equal share of the global batch: Sinkhorn-Knopp on exp(scores /
// epsilon), `iterations` times prototypes, then rows. scores [N, K] of any N on each rank; returns chances [N, K], rows
// of sum 1, no gradient, float32 or better. Cuturi, "Sinkhorn distances", NIPS 2013. Every rank must come here.
at::Tensor sinkhorn(const at::Tensor& scores, double epsilon, std::int64_t iterations, runtime::Comm& comm);

// Mean over rows of -sum over k of target log softmax(scores / temperature). target, scores [N, K]; gradient to scores.
at::Tensor soft_cross_entropy(const at::Tensor& scores, const at::Tensor& target, double temperature);

// Caron et al., "Unsupervised learning of visual features by contrasting cluster assignments" (SwAV), NeurIPS 2020. Of
// each of `codes` (chances [N, K] of the first views, one a view) every other view's scores [N, K] are predicted from:
// mean over codes, and over the other views, of soft_cross_entropy. scores has at least as many views as codes.
at::Tensor swapped_prediction(const std::vector<at::Tensor>& scores, const std::vector<at::Tensor>& codes,
                              double temperature);

// Softmax cross-entropy of scores [N, K] / temperature with the cluster [N] int64 of each row; mean over rows. With
// `smoothing` s the target is 1 - s for the cluster, and s / K for each of all K besides. A row counts `weight` [K]
// times, by its cluster (undefined: once); the sum is divided by the number of rows all the same, so that the mean over
// parts and ranks is that of the whole.
at::Tensor cluster_cross_entropy(const at::Tensor& scores, const at::Tensor& cluster, double temperature,
                                 double smoothing = 0, const at::Tensor& weight = {});
// With these [K] every cluster has the same share in the sum over all rows, whatever its size [K] >= 1 is, and the rows
// count once in the mean: as if clusters were drawn first and then a row of it. float32.
at::Tensor balancing_weight(const at::Tensor& sizes);
// What it is at best, for any rows: the entropy of such a target.
double smoothed_entropy(std::int64_t clusters, double smoothing);

}  // namespace losses
