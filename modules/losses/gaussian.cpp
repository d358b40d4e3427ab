#include "losses/gaussian.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include "core/error.h"
#include "losses/precision.h"

namespace losses {

at::Tensor sigreg(const at::Tensor& rows, const at::Tensor& directions, std::int64_t knots, double t_max,
                  runtime::Comm& comm) {
  GADOLIN_CHECK(rows.dim() == 2 && rows.size(0) > 0 && directions.dim() == 2 && directions.size(0) == rows.size(1));
  GADOLIN_CHECK(knots >= 2 && t_max > 0);
  const WithoutAutocast exact;
  const at::Tensor own = at_least_float(rows).matmul(directions.to(at_least_float(rows).scalar_type()));
  const at::Tensor all = comm.size() == 1 ? own : comm.all_gather(own);
  const at::Tensor t = at::linspace(0, t_max, knots, all.options().requires_grad(false));
  const at::Tensor normal = (-t.square() / 2).exp();
  // Both halves of the axis, and half a step at each end.
  at::Tensor weight = at::full_like(t, 2 * t_max / static_cast<double>(knots - 1));
  weight[0] = weight[knots - 1] = t_max / static_cast<double>(knots - 1);
  const at::Tensor turned = all.unsqueeze(2) * t;  // [N, S, knots]
  const at::Tensor off = (turned.cos().mean(0) - normal).square() + turned.sin().mean(0).square();
  return (off.matmul(weight * normal) * all.size(0)).mean();
}

at::Tensor directions_of(std::int64_t width, std::int64_t count, std::uint64_t key) {
  at::Generator generator = at::detail::createCPUGenerator(key);
  const at::Tensor drawn = at::randn({width, count}, generator);
  return drawn / drawn.norm(2, {0}, /*keepdim=*/true).clamp_min(1e-8);
}

}  // namespace losses
