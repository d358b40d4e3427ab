#include "evaluate/effective_rank.h"

#include <ATen/ATen.h>

#include <cmath>

#include "core/error.h"

namespace evaluate {
namespace {

at::Tensor checked_rows(const at::Tensor& embeddings) {
  GADOLIN_CHECK(embeddings.dim() == 2 && embeddings.size(0) > 0);
  const at::Tensor rows = embeddings.detach().to(at::kCPU, at::kDouble);
  if (!rows.isfinite().all().item<bool>())
    throw core::Error("an embedding is not finite", "lower trainer.learning_rate, or train in fp32");
  return rows;
}

}  // namespace

double effective_rank(const at::Tensor& embeddings) {
  const at::Tensor values = at::linalg_svdvals(checked_rows(embeddings));
  const double sum = values.sum().item<double>();
  if (sum == 0) return 0;
  const at::Tensor share = values / sum;
  return std::exp(-at::xlogy(share, share).sum().item<double>());
}

double embedding_spread(const at::Tensor& embeddings) {
  const at::Tensor rows = checked_rows(embeddings);
  const double length = rows.norm().item<double>();
  return length == 0 ? 0 : (rows - rows.mean(0)).norm().item<double>() / length;
}

}  // namespace evaluate
