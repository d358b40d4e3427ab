#include "train/sums.h"

#include <ATen/ATen.h>

#include "core/error.h"

namespace train {

void Sums::add(const std::string& name, const at::Tensor& value) {
  GADOLIN_CHECK(value.numel() == 1);
  const at::Tensor number = value.detach().reshape({}).to(device_, at::kDouble);
  Sum& sum = sums_[name];
  sum.total = sum.total.defined() ? sum.total.add_(number) : number.clone();
  ++sum.count;
}

std::map<std::string, double> Sums::take(runtime::Comm& comm) {
  std::map<std::string, double> means;
  if (sums_.empty()) return means;
  std::vector<at::Tensor> totals;
  for (const auto& [name, sum] : sums_) totals.push_back(sum.total / static_cast<double>(sum.count));
  at::Tensor all = at::stack(totals);
  comm.all_reduce_sum(all);
  all = (all / comm.size()).cpu();
  std::int64_t at = 0;
  for (const auto& [name, sum] : sums_) means[name] = all.const_data_ptr<double>()[at++];
  sums_.clear();
  return means;
}

TensorsByName Sums::state() const {
  TensorsByName state;
  for (const auto& [name, sum] : sums_) {
    state[name] = at::stack({sum.total.cpu(), at::scalar_tensor(sum.count, at::kDouble)});
  }
  return state;
}

void Sums::load(const TensorsByName& state) {
  sums_.clear();
  for (const auto& [name, pair] : state) {
    if (pair.scalar_type() != at::kDouble || pair.numel() != 2)
      throw core::Error("the checkpoint's sum of " + name + " is none");
    sums_[name] = {pair[0].to(device_).clone(), static_cast<std::int64_t>(pair[1].item<double>())};
  }
}

}  // namespace train
