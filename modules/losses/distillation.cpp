#include "losses/distillation.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "core/error.h"
#include "losses/precision.h"

namespace losses {
namespace {

// [N, T, T] of places [N, T, C].
at::Tensor cosines_between(const at::Tensor& places) {
  const at::Tensor wide = at_least_float(places);
  const at::Tensor unit = wide / wide.norm(2, {2}, /*keepdim=*/true).clamp_min(1e-8);
  return unit.matmul(unit.transpose(1, 2));
}

}  // namespace

at::Tensor centred_answer(const at::Tensor& scores, const at::Tensor& centre, double temperature) {
  GADOLIN_CHECK(centre.dim() == 1 && scores.size(-1) == centre.size(0) && temperature > 0);
  const at::NoGradGuard no_gradient;
  const WithoutAutocast exact;
  return ((at_least_float(scores.detach()) - centre) / temperature).softmax(-1);
}

at::Tensor mean_of_all(const at::Tensor& rows, runtime::Comm& comm) {
  GADOLIN_CHECK(rows.dim() == 2 && rows.size(0) > 0);
  const at::NoGradGuard no_gradient;
  at::Tensor mean = at_least_float(rows.detach()).mean(0);
  if (comm.size() == 1) return mean;
  comm.all_reduce_sum(mean);
  return mean / comm.size();
}

at::Tensor self_distillation(const at::Tensor& answers, const at::Tensor& student, double temperature) {
  GADOLIN_CHECK(answers.dim() == 3 && student.dim() == 3 && answers.sizes().slice(1) == student.sizes().slice(1));
  const std::int64_t teachers = answers.size(0), students = student.size(0);
  const std::int64_t pairs = teachers * students - std::min(teachers, students);
  GADOLIN_CHECK(pairs > 0 && temperature > 0);
  const WithoutAutocast exact;
  const at::Tensor log_chance = (at_least_float(student) / temperature).log_softmax(2);
  const at::Tensor each = answers.flatten(1).matmul(log_chance.flatten(1).t());  // [T, S], sum over samples and k
  return -(each.sum() - each.diagonal().sum()) / static_cast<double>(pairs * student.size(1));
}

at::Tensor token_distillation(const at::Tensor& answers, const at::Tensor& student, const at::Tensor& picture,
                              std::int64_t pictures, double temperature) {
  GADOLIN_CHECK(answers.dim() == 2 && answers.sizes() == student.sizes() && picture.size(0) == answers.size(0));
  GADOLIN_CHECK(pictures > 0 && temperature > 0);
  const WithoutAutocast exact;
  const at::Tensor each = -(answers * (at_least_float(student) / temperature).log_softmax(1)).sum(1);
  const at::Tensor tokens =
      at::zeros({pictures}, each.options().requires_grad(false)).index_add(0, picture, at::ones_like(each.detach()));
  return (each / tokens.index_select(0, picture)).sum() / static_cast<double>(pictures);
}

at::Tensor gram_distance(const at::Tensor& student, const at::Tensor& teacher) {
  GADOLIN_CHECK(student.dim() == 3 && teacher.dim() == 3 && student.numel() > 0);
  GADOLIN_CHECK(student.size(0) == teacher.size(0) && student.size(1) == teacher.size(1));
  const WithoutAutocast exact;
  return (cosines_between(student) - cosines_between(teacher.detach())).square().mean();
}

at::Tensor koleo(const at::Tensor& rows, runtime::Comm& comm) {
  GADOLIN_CHECK(rows.dim() == 2 && rows.size(0) > 0);
  const WithoutAutocast exact;
  const at::Tensor wide = at_least_float(rows);
  const at::Tensor own = wide / wide.norm(2, {1}, /*keepdim=*/true).clamp_min(1e-8);
  const at::Tensor all = comm.all_gather(own);
  if (all.size(0) == 1) return 0 * own.sum();
  at::Tensor nearest;
  {
    const at::NoGradGuard no_gradient;
    at::Tensor cosine = own.matmul(all.t());
    cosine.diagonal(own.size(0) * comm.rank()).fill_(-2);
    nearest = cosine.argmax(1);
  }
  // The 1e-8 under the root keeps the gradient finite where two rows are the same.
  const at::Tensor distance = (own - all.index_select(0, nearest) + 1e-8).square().sum(1).sqrt();
  return -(distance + 1e-8).log().mean();
}

}  // namespace losses
