#include "losses/contrastive.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>

#include "core/error.h"
#include "losses/precision.h"

namespace losses {
namespace {

at::Tensor of_length_one(const at::Tensor& rows) {
  const at::Tensor wide = at_least_float(rows);
  return wide / wide.norm(2, {1}, /*keepdim=*/true).clamp_min(1e-8);
}

}  // namespace

at::Tensor nt_xent(const at::Tensor& first, const at::Tensor& second, double temperature, runtime::Comm& comm) {
  GADOLIN_CHECK(first.dim() == 2 && first.sizes() == second.sizes() && first.size(0) > 0);
  GADOLIN_CHECK(temperature > 0);
  const WithoutAutocast exact;
  const std::int64_t samples = first.size(0);
  // The two views of a sample lie side by side, so the partner of row r is r ^ 1, here and in the global batch.
  const at::Tensor own = at::stack({of_length_one(first), of_length_one(second)}, 1);
  const at::Tensor all = comm.all_gather(own).flatten(0, 1);
  const at::Tensor logits = own.flatten(0, 1).matmul(all.t()) / temperature;

  const at::Tensor row = at::arange(2 * samples, first.options().dtype(at::kLong).requires_grad(false));
  const at::Tensor itself = row + 2 * samples * comm.rank();
  const at::Tensor partner = itself + 1 - 2 * row.remainder(2);
  const at::Tensor others =
      logits.scatter(1, itself.unsqueeze(1), -std::numeric_limits<double>::infinity()).log_softmax(1);
  return -others.gather(1, partner.unsqueeze(1)).mean();
}

at::Tensor info_nce(const at::Tensor& queries, const at::Tensor& keys, double temperature, runtime::Comm& comm,
                    const at::Tensor& counted) {
  GADOLIN_CHECK(queries.dim() == 2 && queries.sizes() == keys.sizes() && queries.size(0) > 0 && temperature > 0);
  const WithoutAutocast exact;
  const at::Tensor all = comm.all_gather(of_length_one(keys));
  at::Tensor logits = of_length_one(queries).matmul(all.t()) / temperature;
  const std::int64_t own = queries.size(0) * comm.rank();
  if (!counted.defined()) return -logits.log_softmax(1).diagonal(own).mean();
  // Far below every similarity, but no infinity: where nothing is counted the softmax must still be a number.
  constexpr double kNever = -1e9;
  const at::Tensor counts = comm.all_gather(counted.to(logits.scalar_type()));
  logits = logits.masked_fill(counts == 0, kNever);
  const at::Tensor each = -logits.log_softmax(1).diagonal(own);
  const at::Tensor sum = each.masked_fill(counted == 0, 0).sum();
  return sum * static_cast<double>(comm.size()) / counts.sum().clamp_min(1);
}

at::Tensor info_nce_with_queue(const at::Tensor& queries, const at::Tensor& keys, const at::Tensor& queue,
                               double temperature, const at::Tensor& counted) {
  GADOLIN_CHECK(queries.dim() == 2 && queries.sizes() == keys.sizes() && queries.size(0) > 0 && temperature > 0);
  GADOLIN_CHECK(queue.dim() == 2 && queue.size(1) == queries.size(1));
  const WithoutAutocast exact;
  const at::Tensor q = of_length_one(queries);
  const at::Tensor own = (q * of_length_one(keys)).sum(1, /*keepdim=*/true);
  at::Tensor others = q.matmul(of_length_one(queue).t());
  if (counted.defined()) others = others.masked_fill(counted == 0, -std::numeric_limits<double>::infinity());
  const at::Tensor logits = at::cat({own, others}, 1) / temperature;
  return -logits.log_softmax(1).select(1, 0).mean();
}

at::Tensor triplet(const at::Tensor& first, const at::Tensor& second, double margin, runtime::Comm& comm) {
  GADOLIN_CHECK(first.dim() == 2 && first.sizes() == second.sizes() && first.size(0) > 0);
  const WithoutAutocast exact;
  const std::int64_t samples = first.size(0);
  const at::Tensor all = comm.all_gather(of_length_one(second));
  // Between rows of length 1: |a - b|^2 = 2 - 2 cos.
  const at::Tensor cosine = of_length_one(first).matmul(all.t());
  const at::Tensor partner = cosine.diagonal(samples * comm.rank()).unsqueeze(1);
  const at::Tensor itself =
      at::arange(samples, first.options().dtype(at::kLong).requires_grad(false)) + samples * comm.rank();
  const at::Tensor over = at::relu(2 * (cosine - partner) + margin).scatter(1, itself.unsqueeze(1), 0.0);
  return over.sum() / static_cast<double>(samples * std::max<std::int64_t>(all.size(0) - 1, 1));
}

}  // namespace losses
