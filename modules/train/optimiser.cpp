#include "train/optimiser.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <set>

#include "core/error.h"

namespace train {
namespace {

constexpr double kEpsilon = 1e-8;
constexpr std::int64_t kBucketElements = std::int64_t{8} << 20;

}  // namespace

AdamW::AdamW(const Phase& phase, const TrainerSettings& settings)
    : beta1_(settings.beta1), beta2_(settings.beta2), weight_decay_(settings.weight_decay) {
  std::set<std::string> names;
  for (const auto& [name, parameter] : phase.parameters) {
    if (!names.insert(name).second) throw core::Error("phase " + phase.name + " has two parameters named " + name);
    GADOLIN_CHECK(parameter.requires_grad() && parameter.is_leaf());
    slots_.push_back({name, parameter, at::zeros_like(parameter.detach()), at::zeros_like(parameter.detach()),
                      at::zeros({}, parameter.options().dtype(at::kFloat).requires_grad(false)), parameter.dim() > 1});
  }
}

void AdamW::clear_gradients() {
  for (Slot& slot : slots_) slot.parameter.mutable_grad() = at::Tensor();
}

std::vector<at::Tensor> AdamW::gradients() const {
  std::vector<at::Tensor> gradients;
  for (const Slot& slot : slots_) {
    if (slot.parameter.grad().defined()) gradients.push_back(slot.parameter.grad());
  }
  return gradients;
}

void AdamW::average_gradients(runtime::Comm& comm) {
  if (comm.size() == 1 || slots_.empty()) return;
  const at::NoGradGuard no_gradient;
  std::vector<float> has;
  for (const Slot& slot : slots_) has.push_back(slot.parameter.grad().defined() ? 1 : 0);
  at::Tensor flags = at::tensor(has).to(slots_.front().parameter.device());
  comm.all_reduce_sum(flags);
  flags = flags.to(at::kCPU);
  std::vector<at::Tensor> all;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (flags[static_cast<std::int64_t>(i)].item<float>() == 0) continue;
    at::Tensor& gradient = slots_[i].parameter.mutable_grad();
    if (!gradient.defined()) gradient = at::zeros_like(slots_[i].parameter);
    all.push_back(gradient);
  }
  for (std::size_t begin = 0; begin < all.size();) {
    std::vector<at::Tensor> bucket;
    std::int64_t elements = 0;
    for (; begin < all.size() && (bucket.empty() || elements + all[begin].numel() <= kBucketElements); ++begin) {
      if (!bucket.empty() && all[begin].scalar_type() != bucket.front().scalar_type()) break;
      bucket.push_back(all[begin].reshape({-1}));
      elements += all[begin].numel();
    }
    at::Tensor flat = at::cat(bucket);
    comm.all_reduce_sum(flat);
    flat.div_(comm.size());
    std::int64_t at = 0;
    for (std::size_t i = begin - bucket.size(); i < begin; ++i) {
      all[i].copy_(flat.narrow(0, at, all[i].numel()).view(all[i].sizes()));
      at += all[i].numel();
    }
  }
}

at::Tensor AdamW::clip(double norm) {
  const at::NoGradGuard no_gradient;
  const std::vector<at::Tensor> all = gradients();
  if (all.empty()) return at::zeros({}, slots_.empty() ? at::TensorOptions() : slots_.front().steps.options());
  const at::Tensor total = at::stack(at::_foreach_norm(all)).norm();
  if (norm > 0) at::_foreach_mul_(all, at::clamp_max(norm / (total + 1e-6), 1.0).nan_to_num_(1.0));
  return total;
}

void AdamW::update(double learning_rate, const at::Tensor& skip) {
  const at::NoGradGuard no_gradient;
  for (const bool decayed : {true, false}) {
    std::vector<at::Tensor> parameters, gradients, means, squares, steps;
    for (Slot& slot : slots_) {
      if (slot.decayed != decayed || !slot.parameter.grad().defined()) continue;
      parameters.push_back(slot.parameter);
      gradients.push_back(slot.parameter.grad());
      means.push_back(slot.mean);
      squares.push_back(slot.square);
      steps.push_back(slot.steps);
    }
    if (parameters.empty()) continue;
    if (skip.defined()) {
      at::_foreach_add_(steps, 1 - skip);
    } else {
      at::_foreach_add_(steps, 1);
    }
    at::_fused_adamw_(parameters, gradients, means, squares, {}, steps, learning_rate, beta1_, beta2_,
                      decayed ? weight_decay_ : 0.0, kEpsilon, /*amsgrad=*/false, /*maximize=*/false,
                      /*grad_scale=*/{}, skip.defined() ? std::optional(skip) : std::nullopt);
  }
}

std::map<std::string, at::Tensor> AdamW::state() const {
  std::map<std::string, at::Tensor> state;
  for (const Slot& slot : slots_) {
    state[slot.name + "/mean"] = slot.mean;
    state[slot.name + "/square"] = slot.square;
    state[slot.name + "/steps"] = slot.steps;
  }
  return state;
}

void AdamW::load(const std::map<std::string, at::Tensor>& state) {
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
