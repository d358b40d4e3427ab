#pragma once
// Losses that ask two views of a sample to agree and have no negatives. What keeps them from agreeing on one answer for
// all samples is a predictor and a stopped gradient (negative_cosine), or a term of the loss (the others). first,
// second [N, C]: row i of both is of one sample; the same N on every rank. A scalar, differentiable in both.

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "runtime/comm.h"

namespace losses {

// Mean over rows of -cos; 0 for a row of zeros. Chen and He, "Exploring simple Siamese representation learning", CVPR
// 2021; with a teacher's target and 2 + 2 x it is the loss of BYOL. Nothing is gathered.
at::Tensor negative_cosine(const at::Tensor& prediction, const at::Tensor& target);

// Of several views of N samples, `large` large ones in front: predicted, projected [V, N, C], row n of each view of
// sample n. The mean of (cos(p_a, stop z_b) + cos(p_b, stop z_a)) / 2 over samples and over pairs of views: of two
// large ones, and of a large one with a small one; 0 where there is no such pair. Pairs of small views are not asked.
struct ViewsAgreement {
  at::Tensor large, small;
};
ViewsAgreement views_agreement(const at::Tensor& predicted, const at::Tensor& projected, std::int64_t large);

// Zbontar et al., "Barlow Twins", ICML 2021: C = cross-correlation [C, C] of the columns, standardised (floor 1e-5)
// over the global batch; sum of (1 - C_ii)^2 + weight x sum over i != j of C_ij^2. The same on every rank; all must
// come.
at::Tensor barlow_twins(const at::Tensor& first, const at::Tensor& second, double off_diagonal, runtime::Comm& comm);

// Bardes et al., "VICReg", ICLR 2022. Of the global batch: invariance = mean square of the difference; variance = mean
// over columns of max(0, 1 - sqrt(var + 1e-4)), of both views, halved; covariance = sum of squares off the diagonal /
// C, of both. var and covariance over n - 1; with one sample in all both are as if nothing varied. All ranks must come.
struct VicregTerms {
  at::Tensor invariance, variance, covariance;
  at::Tensor sum(double invariance_weight, double variance_weight, double covariance_weight) const;
};
VicregTerms vicreg(const at::Tensor& first, const at::Tensor& second, runtime::Comm& comm);

}  // namespace losses
