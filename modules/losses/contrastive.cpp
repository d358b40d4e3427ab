#include "losses/contrastive.h"

#include <ATen/ATen.h>

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

}  // namespace losses
