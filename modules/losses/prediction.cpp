#include "losses/prediction.h"

#include <ATen/ATen.h>

#include "core/error.h"
#include "losses/precision.h"

namespace losses {

at::Tensor smooth_distance(const at::Tensor& prediction, const at::Tensor& target) {
  GADOLIN_CHECK(prediction.sizes() == target.sizes() && prediction.numel() > 0);
  const WithoutAutocast exact;
  return at::smooth_l1_loss(at_least_float(prediction), at_least_float(target.detach()));
}

}  // namespace losses
