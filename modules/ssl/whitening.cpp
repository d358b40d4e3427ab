#include "ssl/whitening.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "core/error.h"

namespace ssl {

at::Tensor whitened(const at::Tensor& rows, std::int64_t most) {
  GADOLIN_CHECK(rows.dim() == 2 && rows.size(0) > 0 && most >= 1);
  constexpr double kNone = 1e-6;            // of the largest variance
  constexpr double kRoundingError = 1e-12;  // of the square of the rows: nothing differs at all
  const at::NoGradGuard no_gradient;
  const at::Tensor wide = rows.to(at::kCPU, at::kDouble), centred = wide - wide.mean(0);
  const auto [variance, axes] = at::linalg_eigh(centred.t().matmul(centred) / static_cast<double>(rows.size(0)));
  const double largest = variance[-1].item<double>();
  if (largest <= kRoundingError * wide.square().sum(1).mean().item<double>()) return at::zeros({rows.size(0), 1});
  // Variances rise.
  const std::int64_t differ = (variance > kNone * largest).sum().item<std::int64_t>(), kept = std::min(most, differ);
  const std::int64_t first = variance.size(0) - kept;
  return (centred.matmul(axes.slice(1, first)) / variance.slice(0, first).sqrt()).to(at::kFloat);
}

}  // namespace ssl
