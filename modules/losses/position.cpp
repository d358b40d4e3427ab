#include "losses/position.h"

#include <ATen/ATen.h>

#include "core/error.h"
#include "losses/precision.h"

namespace losses {

at::Tensor overlap_told(const at::Tensor& cosines, const at::Tensor& share) {
  constexpr double kFloor = 1e-6;
  GADOLIN_CHECK(cosines.dim() == 2 && cosines.sizes() == share.sizes());
  const WithoutAutocast exact;
  const at::Tensor told = at_least_float(cosines).relu(), wanted = share.to(told.scalar_type());
  const at::Tensor apart = (wanted - told).abs();
  const at::Tensor shared = (wanted * -at::log((1 - apart).clamp_min(kFloor))).sum() / wanted.sum().clamp_min(kFloor);
  const at::Tensor none = wanted <= 0;
  return shared + told.square().masked_fill(none.logical_not(), 0).sum() / none.sum().clamp_min(1);
}

at::Tensor bases_apart(const at::Tensor& bases) {
  GADOLIN_CHECK(bases.dim() == 3);
  const WithoutAutocast exact;
  const at::Tensor wide = at_least_float(bases);
  const at::Tensor unit = wide / wide.norm(2, {2}, /*keepdim=*/true).clamp_min(1e-8);
  const at::Tensor squares = unit.matmul(unit.transpose(1, 2)).relu().square();
  const std::int64_t count = bases.size(1), pairs = bases.size(0) * count * (count - 1);
  return squares.triu(1).sum() * 2 / static_cast<double>(pairs > 0 ? pairs : 1);
}

}  // namespace losses
