#include "models/batch_norm.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <vector>

#include "core/error.h"

namespace models {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr double kVarianceFloor = 1e-5;

at::Tensor wide(const at::Tensor& x) { return x.scalar_type() == at::kDouble ? x : x.to(at::kFloat); }

// All axes but that of channels.
std::vector<std::int64_t> over(const at::Tensor& x) {
  std::vector<std::int64_t> axes{0};
  for (std::int64_t axis = 2; axis < x.dim(); ++axis) axes.push_back(axis);
  return axes;
}

// [C] beside x.
at::Tensor beside(const at::Tensor& channels, const at::Tensor& x) {
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(x.dim()), 1);
  sizes[1] = channels.numel();
  return channels.view(sizes);
}

// Of each channel, float64: mean, variance over n, and n.
struct Moments {
  at::Tensor mean, variance, count;
};

// Sums of squares about each rank's own mean are put together (Chan et al., 1979): no difference of large numbers.
Moments moments_of_all(const at::Tensor& x, runtime::Comm& comm) {
  const at::NoGradGuard no_gradient;
  const auto [variance, mean] = at::var_mean(wide(x.detach()), over(x), /*unbiased=*/false);
  const at::Tensor count = at::full_like(mean, x.numel() / x.size(1), mean.options().dtype(at::kDouble));
  const at::Tensor own = at::stack({mean.to(at::kDouble), variance.to(at::kDouble), count}).unsqueeze(0);
  const at::Tensor all = comm.all_gather(own);  // [ranks, 3, C]
  const at::Tensor means = all.select(1, 0), variances = all.select(1, 1), counts = all.select(1, 2);
  const at::Tensor n = counts.sum(0), centre = (means * counts).sum(0) / n;
  return {centre, ((variances + (means - centre).square()) * counts).sum(0) / n, n};
}

struct Normalise : torch::autograd::Function<Normalise> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            const at::Tensor& bias, const at::Tensor& mean, const at::Tensor& scale,
                            const at::Tensor& share, std::int64_t comm) {
    context->save_for_backward({x, weight, mean, scale, share});
    context->saved_data["comm"] = comm;
    const at::Tensor normalised = (wide(x) - beside(mean, x)) * beside(scale, x);
    return (normalised * beside(weight, x) + beside(bias, x)).to(x.scalar_type());
  }

  // With x' the normalised x: dx = scale weight (g - mean(g) - x' mean(g x')), the means over all ranks.
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], &mean = saved[2], &scale = saved[3], &share = saved[4];
    auto& comm = *reinterpret_cast<runtime::Comm*>(static_cast<std::intptr_t>(context->saved_data["comm"].toInt()));
    const at::Tensor g = wide(gradients.front());
    const at::Tensor normalised = (wide(x) - beside(mean, x)) * beside(scale, x);
    const at::Tensor of_bias = g.sum(over(x)), of_weight = (g * normalised).sum(over(x));
    at::Tensor sums = at::stack({of_bias, of_weight});
    comm.all_reduce_sum(sums);
    sums = sums * share;
    const at::Tensor dx = (g - beside(sums[0], x) - normalised * beside(sums[1], x)) * beside(scale * weight, x);
    const at::Tensor none;
    return {dx.to(x.scalar_type()),
            of_weight.to(weight.scalar_type()),
            of_bias.to(weight.scalar_type()),
            none,
            none,
            none,
            none};
  }
};

at::Tensor normalised(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const Moments& moments,
                      runtime::Comm& comm) {
  const auto type = x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  return Normalise::apply(x, weight, bias, moments.mean.to(type), (moments.variance + kVarianceFloor).rsqrt().to(type),
                          moments.count.reciprocal().to(type),
                          static_cast<std::int64_t>(reinterpret_cast<std::intptr_t>(&comm)));
}

void require_several(const at::Tensor& x, const runtime::Comm& comm) {
  GADOLIN_CHECK(x.dim() >= 2 && x.numel() > 0);
  if (x.numel() / x.size(1) * comm.size() < 2)
    throw core::usage_error("batch normalisation has one sample alone to normalise over",
                            "give data.batch_size of 2 or more");
}

}  // namespace

at::Tensor batch_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, runtime::Comm& comm) {
  require_several(x, comm);
  if (weight.defined()) return normalised(x, weight, bias, moments_of_all(x, comm), comm);
  const at::Tensor one = at::ones({x.size(1)}, wide(x).options().requires_grad(false));
  return normalised(x, one, at::zeros_like(one), moments_of_all(x, comm), comm);
}

BatchNorm::BatchNorm(std::int64_t channels, double share) : momentum(share) {
  weight = register_parameter("weight", at::ones({channels}));
  bias = register_parameter("bias", at::zeros({channels}));
  running_mean = register_buffer("running_mean", at::zeros({channels}));
  running_var = register_buffer("running_var", at::ones({channels}));
  num_batches_tracked = register_buffer("num_batches_tracked", at::zeros({}, at::kLong));
}

at::Tensor BatchNorm::forward(const at::Tensor& x, runtime::Comm& comm) {
  if (!is_training())
    return at::batch_norm(x, weight, bias, running_mean, running_var, /*training=*/false, momentum, kVarianceFloor,
                          /*cudnn_enabled=*/false);
  require_several(x, comm);
  const Moments moments = moments_of_all(x, comm);
  {
    const at::NoGradGuard no_gradient;
    const at::Tensor unbiased = moments.variance * moments.count / (moments.count - 1);
    running_mean.lerp_(moments.mean.to(running_mean.scalar_type()), momentum);
    running_var.lerp_(unbiased.to(running_var.scalar_type()), momentum);
    num_batches_tracked.add_(1);
  }
  return normalised(x, weight, bias, moments, comm);
}

}  // namespace models
