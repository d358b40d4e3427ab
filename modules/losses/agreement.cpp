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
