#pragma once
// What keeps a code close to where codes are drawn from.

#include <ATen/core/Tensor.h>

namespace losses {

// Kullback-Leibler divergence of independent normal distributions of these means and logarithms of variances from the
// standard normal one: 1/2 sum over the code of (mean^2 + variance - 1 - log variance), then the mean over samples.
// mean, log_variance [N, K]; a scalar >= 0, differentiable in both, 0 where both are 0. Kingma and Welling,
// "Auto-encoding variational Bayes", ICLR 2014, appendix B.
at::Tensor kl_to_standard_normal(const at::Tensor& mean, const at::Tensor& log_variance);

}  // namespace losses
