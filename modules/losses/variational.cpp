#include "losses/variational.h"

#include <ATen/ATen.h>

#include "core/error.h"
#include "losses/precision.h"

namespace losses {

at::Tensor kl_to_standard_normal(const at::Tensor& mean, const at::Tensor& log_variance) {
  GADOLIN_CHECK(mean.dim() == 2 && mean.sizes() == log_variance.sizes() && mean.size(0) > 0);
  const WithoutAutocast exact;
  const at::Tensor centre = at_least_float(mean), wide = at_least_float(log_variance);
  // exp(x) - 1 - x, without the loss of digits around 0.
  return 0.5 * (centre.square() + wide.expm1() - wide).sum(1).mean();
}

}  // namespace losses
