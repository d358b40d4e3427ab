#include "losses/image_text.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "core/error.h"
#include "losses/precision.h"

namespace losses {
namespace {

at::Tensor unit(const at::Tensor& rows) {
  const at::Tensor wide = at_least_float(rows);
  return wide / wide.norm(2, {1}, /*keepdim=*/true).clamp_min(1e-8);
}

// What is compared with what: [N, all rows of all ranks].
struct Places {
  at::Tensor left_out;  // bool: no text there, or the same text as the row's own
  at::Tensor without;   // [N] bool: the row has no text
  at::Tensor counted;   // scalar: rows with a text, of all ranks
  std::int64_t own;     // column of row 0
};

Places places_of(const ImageText& rows, runtime::Comm& comm) {
  const std::int64_t n = rows.image.size(0);
  GADOLIN_CHECK(rows.image.dim() == 2 && rows.image.sizes() == rows.text.sizes() && n > 0);
  GADOLIN_CHECK(rows.which.dim() == 1 && rows.which.size(0) == n && rows.which.scalar_type() == at::kLong);
  const at::NoGradGuard no_gradient;
  const at::Tensor all = comm.all_gather(rows.which);
  const at::Tensor column = at::arange(all.size(0), all.options());
  const at::Tensor itself = column.narrow(0, n * comm.rank(), n).unsqueeze(1) == column;
  const at::Tensor same = rows.which.unsqueeze(1) == all;
  return {(all < 0) | (same & ~itself), rows.which < 0, (all >= 0).sum(), n * comm.rank()};
}

// So that the mean over ranks is that over all counted rows.
at::Tensor mean_over_counted(const at::Tensor& each, const Places& places, const runtime::Comm& comm) {
  const at::Tensor sum = each.masked_fill(places.without, 0).sum();
  return sum * static_cast<double>(comm.size()) / places.counted.clamp_min(1);
}

}  // namespace

at::Tensor found_by_softmax(const ImageText& rows, const at::Tensor& log_scale, runtime::Comm& comm) {
  const WithoutAutocast exact;
  const Places places = places_of(rows, comm);
  const at::Tensor image = unit(rows.image), text = unit(rows.text);
  const at::Tensor images = comm.all_gather(image), texts = comm.all_gather(text);
  const at::Tensor scale = log_scale.to(image.scalar_type()).exp();
  // Far below every similarity, but no infinity: where nothing is counted the softmax must still be a number.
  constexpr double kNever = -1e9;
  const auto told = [&](const at::Tensor& own, const at::Tensor& all) {
    const at::Tensor logits = (scale * own.matmul(all.t())).masked_fill(places.left_out, kNever);
    return -logits.log_softmax(1).diagonal(places.own);
  };
  return mean_over_counted((told(image, texts) + told(text, images)) / 2, places, comm);
}

at::Tensor found_by_sigmoid(const ImageText& rows, const at::Tensor& log_scale, const at::Tensor& bias,
                            runtime::Comm& comm) {
  const WithoutAutocast exact;
  const Places places = places_of(rows, comm);
  const at::Tensor image = unit(rows.image), text = unit(rows.text);
  const at::Tensor texts = comm.all_gather(text);
  const at::Tensor logits =
      log_scale.to(image.scalar_type()).exp() * image.matmul(texts.t()) + bias.to(image.scalar_type());
  at::Tensor sign = at::full_like(logits, -1, logits.options().requires_grad(false));
  sign.diagonal(places.own).fill_(1);
  const at::Tensor each = -at::log_sigmoid(sign * logits).masked_fill(places.left_out, 0);
  return mean_over_counted(each.sum(1), places, comm);
}

}  // namespace losses
