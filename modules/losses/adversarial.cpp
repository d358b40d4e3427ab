#include "losses/adversarial.h"

#include <ATen/ATen.h>

#include "losses/precision.h"

namespace losses {

at::Tensor told_apart(const at::Tensor& real, const at::Tensor& made) {
  const WithoutAutocast exact;
  return at::softplus(-at_least_float(real)).mean() + at::softplus(at_least_float(made)).mean();
}

at::Tensor taken_for_real(const at::Tensor& made) {
  const WithoutAutocast exact;
  return at::softplus(-at_least_float(made)).mean();
}

}  // namespace losses
