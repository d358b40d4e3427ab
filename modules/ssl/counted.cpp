#include "ssl/counted.h"

#include <ATen/ATen.h>

#include "core/error.h"

namespace ssl {

at::Tensor hidden_inside(const data::View& view) {
  GADOLIN_CHECK(view.hidden.defined());
  return (view.valid.defined() ? view.hidden * view.valid : view.hidden).unsqueeze(1);
}

at::Tensor weight_of(const at::Tensor& counted, runtime::Comm& comm) {
  const at::Tensor own = counted.sum().to(at::kDouble);
  if (comm.size() == 1) return at::ones({}, own.options().dtype(at::kFloat));
  at::Tensor all = own.clone();
  comm.all_reduce_sum(all);
  return (own * comm.size() / all.clamp_min(1)).to(at::kFloat);
}

}  // namespace ssl
