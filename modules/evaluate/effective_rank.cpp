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

double embedding_deviation(const at::Tensor& embeddings) {
  const at::Tensor rows = unit_rows(embeddings);
  const at::Tensor deviation = (rows - rows.mean(0)).square().mean(0).sqrt();
  return deviation.mean().item<double>() * std::sqrt(static_cast<double>(rows.size(1)));
}

at::Tensor unit_rows(const at::Tensor& embeddings) {
  const at::Tensor rows = checked_rows(embeddings), length = rows.norm(2, 1, true);
  return at::where(length > 0, rows / length, at::zeros_like(rows));
}

}  // namespace evaluate
