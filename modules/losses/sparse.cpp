#include "losses/sparse.h"

#include <ATen/ATen.h>

#include <cmath>

#include "core/error.h"
#include "losses/precision.h"

namespace losses {

at::Tensor pooled_sparsity(const at::Tensor& codes, std::int64_t pool, double floor) {
  GADOLIN_CHECK(codes.dim() == 2 && codes.size(0) > 0 && pool > 0 && codes.size(1) % pool == 0 && floor > 0);
  const WithoutAutocast exact;
  const at::Tensor energy = at_least_float(codes).square().unflatten(1, {-1, pool}).sum(2);
  return ((energy + floor).sqrt() - std::sqrt(floor)).sum(1).mean();
}

}  // namespace losses
