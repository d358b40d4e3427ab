#include "train/average.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "core/error.h"

namespace train {

Average::Average(const NamedTensors& weights, double decay) : decay_(decay) {
  if (decay == 0) return;
  for (const auto& [name, weight] : weights) {
    if (!weight.requires_grad()) continue;
    names_.push_back(name);
    weights_.push_back(weight.detach());  // shares the memory
    averages_.push_back(weight.detach().clone());
  }
}

void Average::update(std::int64_t updates_done) {
  if (averages_.empty()) return;
  const auto n = static_cast<double>(updates_done);
  at::_foreach_lerp_(averages_, weights_, 1 - std::min(decay_, (1 + n) / (10 + n)));
}

TensorsByName Average::state() const {
  TensorsByName state;
  for (std::size_t i = 0; i < names_.size(); ++i) state[names_[i]] = averages_[i];
  return state;
}

void Average::load(const TensorsByName& state) {
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const auto found = state.find(names_[i]);
    if (found == state.end() || found->second.sizes() != averages_[i].sizes()) {
      throw core::usage_error("the checkpoint's average of the weights does not fit: " + names_[i],
                              "it was made by another network; train into another folder");
    }
    averages_[i].copy_(found->second);
  }
}

}  // namespace train
