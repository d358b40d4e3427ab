#include "train/optimiser.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <set>
#include <utility>

#include "core/error.h"
#include "train/update_passes.h"

namespace train {
Optimiser::Optimiser(const Phase& phase, const TrainerSettings& settings)
    : rule_(optimiser_named(settings.optimiser).make(settings)) {
  std::set<std::string> names;
  for (const Parameter& each : phase.parameters) {
    if (!names.insert(each.name).second)
      throw core::Error("phase " + phase.name + " has two parameters named " + each.name);
    GADOLIN_CHECK(each.tensor.requires_grad() && each.tensor.is_leaf());
    Slot slot{each.name, each.tensor};
    slot.learning_rate_scale = std::pow(settings.layer_decay, static_cast<double>(each.layers_above));
    slot.decayed = each.tensor.dim() > 1 && !each.spared;
    for (const UpdateRule::Kept& kept : rule_->kept()) {
      slot.kept.push_back(kept.scalar ? at::zeros({}, each.tensor.options().dtype(at::kFloat).requires_grad(false))
                                      : at::zeros_like(each.tensor.detach()));
    }
    slots_.push_back(std::move(slot));
  }
}

void Optimiser::clear_gradients() {
  for (Slot& slot : slots_) slot.parameter.mutable_grad() = at::Tensor();
  gradient_scale_ = at::Tensor();
}

std::vector<at::Tensor> Optimiser::gradients() const {
  std::vector<at::Tensor> gradients;
  for (const Slot& slot : slots_) {
    if (slot.parameter.grad().defined()) gradients.push_back(slot.parameter.grad());
  }
  return gradients;
}

at::Tensor Optimiser::clip(double norm) {
  const at::NoGradGuard no_gradient;
  const std::vector<at::Tensor> all = gradients();
  if (all.empty()) {
    const at::TensorOptions options = slots_.empty() ? at::TensorOptions() : slots_.front().parameter.options();
    return at::zeros({}, options.dtype(at::kFloat).requires_grad(false));
  }
  const at::Tensor total = norm_of(all);
  if (norm > 0) gradient_scale_ = at::clamp_max(norm / (total + 1e-6), 1.0);
  return total;
}

void Optimiser::keep(Average& average) {
  for (Slot& slot : slots_) slot.average = average.take(slot.parameter);
}

void Optimiser::update(const Update& given) {
  const at::NoGradGuard no_gradient;
  const at::Tensor gradient_scale = std::exchange(gradient_scale_, at::Tensor());
  Update update = given;
  if (update.skip.defined() && update.skip.is_cpu()) {  // nothing to wait for
    if (number_of(update.skip, 0) != 0) return;
    update.skip = at::Tensor();
  }
  std::vector<Slot*> moved, still;
  for (Slot& slot : slots_) (slot.parameter.grad().defined() ? moved : still).push_back(&slot);
  rule_->apply(moved, update, gradient_scale);
  move_averages(still, update);
}

std::map<std::string, at::Tensor> Optimiser::state() const {
  std::map<std::string, at::Tensor> state;
  for (const Slot& slot : slots_) {
    for (std::size_t k = 0; k < slot.kept.size(); ++k)
      state[slot.name + "/" + std::string(rule_->kept()[k].name)] = slot.kept[k];
  }
  return state;
}

void Optimiser::load(const std::map<std::string, at::Tensor>& state) {
  const at::NoGradGuard no_gradient;
  for (const auto& [name, own] : this->state()) {
    const auto found = state.find(name);
    if (found == state.end() || found->second.sizes() != own.sizes()) {
      throw core::Error("the checkpoint's optimiser does not fit: " + name,
                        "it was made by another network; train into another folder");
    }
    at::Tensor(own).copy_(found->second);
  }
}

}  // namespace train
