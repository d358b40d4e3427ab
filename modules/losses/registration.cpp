#include "losses/registration.h"

#include <ATen/ATen.h>

#include "core/error.h"
#include "losses/precision.h"

namespace losses {
namespace {

// The sum over a window around each voxel, cut at the border: one axis after another. Padded here, because torch
// refuses windows that are larger than the picture without its padding.
at::Tensor window_sum(const at::Tensor& picture, std::int64_t side) {
  at::Tensor sum = picture;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    std::array<std::int64_t, 3> window{1, 1, 1};
    std::array<std::int64_t, 6> border{};  // both ends of the last axis come first
    window[axis] = side;
    border[2 * (2 - axis)] = border[2 * (2 - axis) + 1] = side / 2;
    sum = at::avg_pool3d(at::constant_pad_nd(sum, border, 0), window, /*stride=*/{1, 1, 1}) * static_cast<double>(side);
  }
  return sum;
}

// A picture less its mean over counted voxels, 0 elsewhere: squares of large numbers would not leave a difference.
struct Centred {
  at::Tensor voxels;
  at::Tensor flat;  // [N, C, 1, 1, 1]: a window of less variance is of one value
};

Centred centred(const at::Tensor& picture, const at::Tensor& counted, const at::Tensor& voxels) {
  const auto mean_of = [&](const at::Tensor& values) { return values.sum({2, 3, 4}, /*keepdim=*/true) / voxels; };
  const at::Tensor mean = mean_of(picture.masked_fill(counted == 0, 0));
  const at::Tensor centre = (picture - mean).masked_fill(counted == 0, 0);
  // The second term is beyond what rounding makes of a picture of one value.
  return {centre, 1e-4 * mean_of(centre.square()) + 1e-10 * mean.square() + 1e-15};
}

}  // namespace

Unlikeness local_unlikeness(const at::Tensor& moved, const at::Tensor& fixed, const at::Tensor& counted,
                            std::int64_t side) {
  GADOLIN_CHECK(moved.dim() == 5 && moved.sizes() == fixed.sizes() && side > 0 && side % 2 == 1);
  GADOLIN_CHECK(counted.dim() == 5 && counted.size(1) == 1 && counted.size(0) == moved.size(0) &&
                counted.sizes().slice(2) == moved.sizes().slice(2));
  const WithoutAutocast exact;
  const at::Tensor wide = at_least_float(fixed), mask = (counted > 0).to(wide.scalar_type());
  const at::Tensor voxels = mask.sum({2, 3, 4}, /*keepdim=*/true).clamp_min(1);
  const Centred a = centred(at_least_float(moved), mask, voxels), b = centred(wide, mask, voxels);
  const at::Tensor in_window = window_sum(mask, side).clamp_min(1);
  const auto mean = [&](const at::Tensor& values) { return window_sum(values, side) / in_window; };
  const at::Tensor mean_a = mean(a.voxels), mean_b = mean(b.voxels);
  const at::Tensor variance_a = mean(a.voxels.square()) - mean_a.square();
  const at::Tensor variance_b = mean(b.voxels.square()) - mean_b.square();
  const at::Tensor covariance = mean(a.voxels * b.voxels) - mean_a * mean_b;
  const at::Tensor square = covariance.square() / (variance_a.maximum(a.flat) * variance_b.maximum(b.flat));
  const at::Tensor tells = (variance_b > b.flat).logical_and(mask > 0);
  const at::Tensor windows = tells.sum();
  return {(1 - square).masked_fill(tells.logical_not(), 0).sum() / windows.clamp_min(1), windows};
}

at::Tensor roughness(const at::Tensor& displacement, const std::array<double, 3>& spacing_mm) {
  GADOLIN_CHECK(displacement.dim() == 5 && displacement.size(1) == 3 && displacement.numel() > 0);
  const WithoutAutocast exact;
  const at::Tensor wide = at_least_float(displacement);
  at::Tensor sum = at::zeros({}, wide.options().requires_grad(false));
  for (std::int64_t axis = 0; axis < 3; ++axis) {
    const std::int64_t voxels = wide.size(axis + 2);
    if (voxels < 2) continue;
    for (std::int64_t component = 0; component < 3; ++component) {
      const double mm = spacing_mm[static_cast<std::size_t>(component)] / spacing_mm[static_cast<std::size_t>(axis)];
      const at::Tensor moved = wide.select(1, component);
      sum =
          sum + ((moved.narrow(axis + 1, 1, voxels - 1) - moved.narrow(axis + 1, 0, voxels - 1)) * mm).square().mean();
    }
  }
  return sum / 9;
}

}  // namespace losses
