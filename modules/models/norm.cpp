#include "models/norm.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>
#include <utility>

#include "core/error.h"
#include "models/layout.h"
#include "models/norm_passes.h"

namespace models {
namespace {

constexpr double kEpsilon = 1e-5;

// y may stand for what needs no sign: with slope 1 the gradient before and after the activation are the same.
template <class Pass, class... Scratch>
void run_pass(const NormShape& shape, const Pass& pass, const at::Tensor& x) {
  if (x.is_cpu()) {
    cpu::run(shape, pass);
    return;
  }
  if constexpr (runtime::kCudaKernels) {
    CUstream_st* const stream = runtime::current_stream(x.device().index());
    if constexpr (requires { gpu::run(shape, pass, stream); }) {
      gpu::run(shape, pass, stream);
    } else {
      const at::Tensor scratch = at::empty({gpu::scratch_doubles(shape)}, x.options().dtype(at::kDouble));
      gpu::run(shape, pass, scratch.data_ptr<double>(), stream);
    }
  }
}

NormShape shape_of(const at::Tensor& x) {
  return {x.size(0), x.size(2) * x.size(3) * x.size(4), x.size(1), x.scalar_type() == at::kBFloat16};
}

const float* floats(const at::Tensor& tensor) { return tensor.const_data_ptr<float>(); }

// Mean and 1 / deviation of each channel's group, both [N, C] float64.
std::pair<at::Tensor, at::Tensor> moments_of(const at::Tensor& x, std::int64_t groups) {
  const NormShape shape = shape_of(x);
  const auto wide = x.options().dtype(at::kDouble).memory_format(std::nullopt);
  const at::Tensor origin = x.select(4, 0).select(3, 0).select(2, 0).to(at::kFloat).contiguous();
  const at::Tensor sum = at::empty({shape.samples, shape.channels}, wide), square = at::empty_like(sum);
  run_pass(shape, MomentsPass{x.const_data_ptr(), floats(origin), sum.data_ptr<double>(), square.data_ptr<double>()},
           x);
  const auto voxels = static_cast<double>(shape.voxels);
  const at::Tensor away = sum / voxels;
  const at::Tensor variance = square / voxels - away * away;
  const at::Tensor mean = (origin + away).view({shape.samples, groups, -1});
  const at::Tensor of_group = mean.mean(2, true);
  const at::Tensor spread = variance.view_as(mean) + (mean - of_group).square();
  const at::Tensor inverse = (spread.mean(2, true).clamp_min(0) + kEpsilon).rsqrt();
  return {of_group.expand_as(mean).reshape_as(sum), inverse.expand_as(mean).reshape_as(sum)};
}

struct NormLeaky : torch::autograd::Function<NormLeaky> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& given,
                            const at::Tensor& weight, const at::Tensor& bias, const std::optional<at::Tensor>& around,
                            std::int64_t groups, double slope) {
    const at::Tensor x = channels_last(given);
    const at::Tensor added = around ? channels_last(around->to(x.scalar_type())) : at::Tensor();
    const auto [mean, inverse] = moments_of(x, groups);
    const at::Tensor scale = (weight * inverse).to(at::kFloat), place = mean.to(at::kFloat);
    const at::Tensor shift = bias.to(at::kFloat).expand_as(scale).contiguous();
    const at::Tensor y = at::empty_like(x);
    run_pass(shape_of(x),
             ForwardPass{x.const_data_ptr(), added.defined() ? added.const_data_ptr() : nullptr, floats(place),
                         floats(scale), floats(shift), static_cast<float>(slope), y.data_ptr()},
             x);
    context->save_for_backward({x, slope == 1 ? at::Tensor() : y, weight, mean, inverse});
    context->saved_data["groups"] = groups;
    context->saved_data["slope"] = slope;
    context->saved_data["around"] = around.has_value();
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[2], &mean = saved[3], &inverse = saved[4];
    const at::Tensor dy = channels_last(gradients[0].to(x.scalar_type()));
    const at::Tensor& y = saved[1].defined() ? saved[1] : dy;
    const std::int64_t groups = context->saved_data["groups"].toInt();
    const auto slope = static_cast<float>(context->saved_data["slope"].toDouble());
    const NormShape shape = shape_of(x);

    const at::Tensor place = mean.to(at::kFloat);
    const at::Tensor dz_sum = at::empty_like(mean), dz_x_sum = at::empty_like(mean);
    run_pass(shape,
             SumsPass{x.const_data_ptr(), y.const_data_ptr(), dy.const_data_ptr(), floats(place), slope,
                      dz_sum.data_ptr<double>(), dz_x_sum.data_ptr<double>()},
             x);
    // dx = inverse (w dz - mean(w dz) - n mean(w dz n)) with n = (x - mean) inverse; means are over the group.
    const auto mean_over_group = [&](const at::Tensor& sums) {
      const at::Tensor grouped = (weight * sums).view({shape.samples, groups, -1});
      return (grouped.mean(2, true) / static_cast<double>(shape.voxels)).expand_as(grouped).reshape_as(sums);
    };
    const at::Tensor of_dz = (weight * inverse).to(at::kFloat);
    const at::Tensor rest = (-inverse * mean_over_group(dz_sum)).to(at::kFloat);
    const at::Tensor of_x = (-inverse.pow(3) * mean_over_group(dz_x_sum)).to(at::kFloat);
    const at::Tensor dx = at::empty_like(x);
    const bool with_around = context->saved_data["around"].toBool();
    const at::Tensor dz = with_around ? at::empty_like(x) : at::Tensor();
    run_pass(shape,
             BackwardPass{x.const_data_ptr(), y.const_data_ptr(), dy.const_data_ptr(), floats(place), floats(of_dz),
                          floats(of_x), floats(rest), slope, dx.data_ptr(), with_around ? dz.data_ptr() : nullptr},
             x);
    const at::Tensor d_weight = (dz_x_sum * inverse).sum(0).to(weight.scalar_type());
    return {dx, d_weight, dz_sum.sum(0).to(weight.scalar_type()), dz, {}, {}};
  }
};

}  // namespace

at::Tensor norm_leaky_plain(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, std::int64_t groups,
                            double slope, const at::Tensor& around) {
  at::Tensor y = groups == x.size(1) && !x.is_cpu()
                     ? at::instance_norm(x, weight, bias, {}, {}, /*use_input_stats=*/true, /*momentum=*/0, kEpsilon,
                                         /*cudnn_enabled=*/true)
                     : at::group_norm(x, groups, weight, bias, kEpsilon, /*cudnn_enabled=*/true);
  if (around.defined()) y = y + around.to(y.scalar_type());
  return slope == 1 ? y : at::leaky_relu(y, slope);
}

at::Tensor norm_leaky(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, std::int64_t groups,
                      double slope, const at::Tensor& around) {
  GADOLIN_CHECK(x.dim() == 5 && groups > 0 && x.size(1) % groups == 0 && slope >= 0);
  GADOLIN_CHECK(weight.numel() == x.size(1) && bias.numel() == x.size(1));
  GADOLIN_CHECK(!around.defined() || around.sizes() == x.sizes());
  const bool here = x.is_cpu() || (runtime::kCudaKernels && x.is_cuda());
  const bool known = x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16;
  if (!here || !known || x.numel() == 0) return norm_leaky_plain(x, weight, bias, groups, slope, around);
  return NormLeaky::apply(x, weight, bias, around.defined() ? std::optional(around) : std::nullopt, groups, slope);
}

}  // namespace models
