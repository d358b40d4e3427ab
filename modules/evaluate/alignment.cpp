#include "evaluate/alignment.h"

#include <ATen/ATen.h>

#include "core/error.h"
#include "evaluate/effective_rank.h"

namespace evaluate {

double alignment(const at::Tensor& a, const at::Tensor& b) {
  GADOLIN_CHECK(a.sizes() == b.sizes());
  return (unit_rows(a) - unit_rows(b)).square().sum(1).mean().item<double>();
}

double uniformity(const at::Tensor& embeddings) {
  GADOLIN_CHECK(embeddings.dim() == 2 && embeddings.size(0) >= 2);
  const at::Tensor distances = at::pdist(unit_rows(embeddings));
  return (-2 * distances.square()).exp().mean().log().item<double>();
}

}  // namespace evaluate
