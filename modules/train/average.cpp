#include "train/average.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "core/error.h"

namespace train {

Average::Average(const std::vector<Phase>& phases, double decay) : decay_(decay) {
  if (decay == 0) return;
  for (const Phase& phase : phases) {
    for (const Parameter& each : phase.parameters) {
      const auto same = [&](const Kept& kept) { return kept.parameter.is_same(each.tensor); };
      if (std::ranges::any_of(kept_, same)) continue;  // two phases may change one parameter
      kept_.push_back({each.name, each.tensor, each.tensor.detach().clone()});
    }
  }
}

double Average::share(std::int64_t updates_done) const {
  if (kept_.empty()) return 0;
  const auto n = static_cast<double>(updates_done);
  return 1 - std::min(decay_, (1 + n) / (10 + n));
}

at::Tensor Average::take(const at::Tensor& parameter) {
  for (Kept& each : kept_) {
    if (!each.parameter.is_same(parameter) || each.taken) continue;
    each.taken = true;
    return each.average;
  }
  return {};
}

TensorsByName Average::state() const {
  TensorsByName state;
  for (const Kept& each : kept_) state[each.name] = each.average;
  return state;
}

void Average::load(const TensorsByName& state) {
  for (const Kept& each : kept_) {
    const auto found = state.find(each.name);
    if (found == state.end() || found->second.sizes() != each.average.sizes()) {
      throw core::usage_error("the checkpoint's average of the weights does not fit: " + each.name,
                              "it was made by another network; train into another folder");
    }
    at::Tensor(each.average).copy_(found->second);
  }
}

}  // namespace train
