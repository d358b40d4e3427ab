#include "losses/agreement.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "core/error.h"
#include "losses/precision.h"
#include "losses/standardised.h"

namespace losses {
namespace {

void check_pair(const at::Tensor& first, const at::Tensor& second) {
  GADOLIN_CHECK(first.dim() == 2 && first.sizes() == second.sizes() && first.size(0) > 0);
}

at::Tensor sum_off_diagonal_of_squares(const at::Tensor& square_matrix) {
  const at::Tensor squares = square_matrix.square();
  return squares.sum() - squares.diagonal().sum();
}

}  // namespace

at::Tensor negative_cosine(const at::Tensor& prediction, const at::Tensor& target) {
  check_pair(prediction, target);
  const WithoutAutocast exact;
  return -at::cosine_similarity(at_least_float(prediction), at_least_float(target), 1, 1e-8).mean();
}

ViewsAgreement views_agreement(const at::Tensor& predicted, const at::Tensor& projected, std::int64_t large) {
  GADOLIN_CHECK(predicted.dim() == 3 && predicted.sizes() == projected.sizes() && predicted.numel() > 0);
  const std::int64_t views = predicted.size(0), small = views - large;
  GADOLIN_CHECK(large > 0 && small >= 0);
  const WithoutAutocast exact;
  const auto unit = [](const at::Tensor& rows) { return rows / rows.norm(2, {2}, /*keepdim=*/true).clamp_min(1e-8); };
  // [V, V]: of the prediction of one view with the projection of another, the mean over samples.
  const at::Tensor alike =
      at::tensordot(unit(at_least_float(predicted)), unit(at_least_float(projected).detach()), {1, 2}, {1, 2}) /
      predicted.size(1);
  const at::Tensor of_large = alike.narrow(0, 0, large).narrow(1, 0, large);
  const at::Tensor across =
      alike.narrow(0, 0, large).narrow(1, large, small).sum() + alike.narrow(0, large, small).narrow(1, 0, large).sum();
  return {(of_large.sum() - of_large.diagonal().sum()) / std::max<std::int64_t>(large * (large - 1), 1),
          across / std::max<std::int64_t>(2 * large * small, 1)};
}

at::Tensor barlow_twins(const at::Tensor& first, const at::Tensor& second, double off_diagonal, runtime::Comm& comm) {
  check_pair(first, second);
  const WithoutAutocast exact;
  const auto columns = [&](const at::Tensor& rows) {
    const at::Tensor own = standardised(rows, 1e-5, comm);
    return comm.size() == 1 ? own : comm.all_gather(own);
  };
  const at::Tensor a = columns(first), b = columns(second);
  const at::Tensor correlation = a.t().matmul(b) / a.size(0);
  return (1 - correlation.diagonal()).square().sum() + off_diagonal * sum_off_diagonal_of_squares(correlation);
}

at::Tensor VicregTerms::sum(double invariance_weight, double variance_weight, double covariance_weight) const {
  return invariance_weight * invariance + variance_weight * variance + covariance_weight * covariance;
}

VicregTerms vicreg(const at::Tensor& first, const at::Tensor& second, runtime::Comm& comm) {
  check_pair(first, second);
  const WithoutAutocast exact;
  const at::Tensor a = comm.all_gather(at_least_float(first)), b = comm.all_gather(at_least_float(second));
  const auto others = static_cast<double>(std::max<std::int64_t>(a.size(0) - 1, 1));
  const auto centred = [](const at::Tensor& rows) { return rows - rows.mean(0); };
  const auto narrow = [&](const at::Tensor& rows) {
    return at::relu(1 - (rows.square().sum(0) / others + 1e-4).sqrt()).mean();
  };
  const auto tangled = [&](const at::Tensor& rows) {
    return sum_off_diagonal_of_squares(rows.t().matmul(rows) / others) / rows.size(1);
  };
  const at::Tensor ca = centred(a), cb = centred(b);
  return {(a - b).square().mean(), (narrow(ca) + narrow(cb)) / 2, tangled(ca) + tangled(cb)};
}

}  // namespace losses
