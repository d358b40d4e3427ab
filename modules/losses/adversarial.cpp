#include "losses/adversarial.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include "core/error.h"
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

at::Tensor steepness(const at::Tensor& scores, const std::vector<at::Tensor>& inputs) {
  GADOLIN_CHECK(scores.dim() == 1 && scores.size(0) > 0 && scores.requires_grad());
  const std::vector<at::Tensor> slopes =
      torch::autograd::grad({scores.sum()}, inputs, /*grad_outputs=*/{}, /*retain_graph=*/true, /*create_graph=*/true);
  at::Tensor sum = at::zeros({}, scores.options().requires_grad(false));
  for (const at::Tensor& slope : slopes)
    sum = sum + slope.square().sum() * (static_cast<double>(slope.numel()) / static_cast<double>(slope.size(0)));
  return sum / scores.size(0);
}

}  // namespace losses
