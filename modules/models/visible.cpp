#include "models/visible.h"

#include <ATen/ATen.h>

#include "core/error.h"

namespace models {
namespace {

at::Tensor normed(const Norm& norm, const at::Tensor& x, const at::Tensor& visible, bool active,
                  const at::Tensor& around = {}) {
  return norm_leaky_visible(x, visible, norm.weight, norm.bias, norm.groups, active ? norm.slope : 1, around);
}

at::Tensor forward(const ConvNorm& block, const at::Tensor& x, const at::Tensor& visible) {
  return normed(*block.norm, block.conv->forward(x), visible, block.active);
}

// visible is that of the block's output, visible_before that of its input.
at::Tensor forward(const Residual& block, const at::Tensor& x, const at::Tensor& visible_before,
                   const at::Tensor& visible) {
  at::Tensor around = x, y = x;
  if (block.stride != Extent{1, 1, 1}) {
    around = at::avg_pool3d(around, block.stride, block.stride, /*padding=*/{0, 0, 0}, /*ceil_mode=*/true,
                            /*count_include_pad=*/false);
  }
  if (block.projection) around = forward(*block.projection, around, visible);
  for (const auto& each : block.inner()) {
    // A bottleneck's first convolution does not stride yet.
    const bool finer = block.conv3 && each == block.conv1;
    y = forward(*each, y, finer ? visible_before : visible);
  }
  return normed(*block.last().norm, block.last().conv->forward(y), visible, /*active=*/true, around);
}

}  // namespace

at::Tensor visible_at(const at::Tensor& visible, const Extent& stride) {
  return visible.slice(2, 0, std::nullopt, stride[0])
      .slice(3, 0, std::nullopt, stride[1])
      .slice(4, 0, std::nullopt, stride[2]);
}

at::Tensor norm_leaky_visible(const at::Tensor& x, const at::Tensor& visible, const at::Tensor& weight,
                              const at::Tensor& bias, std::int64_t groups, double slope, const at::Tensor& around) {
  constexpr double kVarianceFloor = 1e-5;
  GADOLIN_CHECK(visible.size(1) == 1 && visible.sizes().slice(2) == x.sizes().slice(2));
  const at::Tensor hidden = visible <= 0;
  const at::Tensor wide = x.scalar_type() == at::kDouble ? x : x.to(at::kFloat);
  const at::Tensor count = hidden.logical_not().sum({1, 2, 3, 4}).clamp_min(1) * (x.size(1) / groups);
  const auto mean_of = [&](const at::Tensor& values) {
    const at::Tensor sums = values.masked_fill(hidden, 0).sum({2, 3, 4}).unflatten(1, {groups, -1}).sum(2);
    return (sums / count.unsqueeze(1)).repeat_interleave(x.size(1) / groups, 1).view({x.size(0), x.size(1), 1, 1, 1});
  };
  const at::Tensor centred = wide - mean_of(wide);
  const at::Tensor scale = (mean_of(centred.square()) + kVarianceFloor).rsqrt();
  at::Tensor z = centred * (scale * weight.view({1, -1, 1, 1, 1})) + bias.view({1, -1, 1, 1, 1});
  if (around.defined()) z = z + around;
  if (slope != 1) z = at::leaky_relu(z, slope);
  return z.masked_fill(hidden, 0).to(x.scalar_type());
}

std::vector<at::Tensor> visible_features(const ConvEncoder& encoder, const at::Tensor& image,
                                         const at::Tensor& visible) {
  GADOLIN_CHECK(image.dim() == 5 && visible.dim() == 5 && visible.size(0) == image.size(0));
  std::vector<at::Tensor> scales;
  at::Tensor x = image.masked_fill(visible <= 0, 0);
  for (const auto& block : encoder.stem().blocks) x = forward(*block, x, visible);
  const std::vector<Extent> strides = encoder.stride();
  at::Tensor before = visible;
  for (std::size_t s = 0; s < strides.size(); ++s) {
    const at::Tensor here = visible_at(visible, strides[s]);
    for (const auto& block : encoder.stages()[s]->blocks) {
      x = forward(*block, x, before, here);
      before = here;
    }
    scales.push_back(x);
  }
  return scales;
}

}  // namespace models
