#include "train/loss_scale.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

namespace train {
namespace {

constexpr double kFirst = 65536;
constexpr std::int64_t kPatience = 2000;

}  // namespace

LossScale::LossScale(c10::Device device)
    : factor_(at::full({}, kFirst, at::TensorOptions().dtype(at::kFloat).device(device))),
      good_steps_(at::zeros({}, at::TensorOptions().dtype(at::kInt).device(device))) {}

void LossScale::divide(const Parameters& parameters) const {
  const at::NoGradGuard no_gradient;
  std::vector<at::Tensor> gradients;
  for (const Parameter& each : parameters) {
    if (each.tensor.grad().defined()) gradients.push_back(each.tensor.grad());
  }
  if (gradients.empty()) return;
  at::Tensor found = at::zeros_like(factor_);
  at::_amp_foreach_non_finite_check_and_unscale_(gradients, found, factor_.reciprocal());
}

void LossScale::update(const at::Tensor& left_out) {
  used_ = true;
  at::_amp_update_scale_(factor_, good_steps_, left_out, /*growth=*/2.0, /*backoff=*/0.5, kPatience);
}

TensorsByName LossScale::state() const {
  if (!used_) return {};
  return {{"factor", factor_}, {"good_steps", good_steps_}};
}

void LossScale::load(const TensorsByName& state) {
  for (auto& [name, own] : TensorsByName{{"factor", factor_}, {"good_steps", good_steps_}}) {
    const auto found = state.find(name);
    if (found == state.end()) continue;
    at::Tensor(own).copy_(found->second);
    used_ = true;
  }
}

}  // namespace train
