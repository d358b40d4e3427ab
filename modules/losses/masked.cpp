#include "losses/masked.h"

#include <ATen/ATen.h>

#include "core/error.h"
#include "losses/precision.h"

namespace losses {
namespace {

// The mean over each block, at every voxel of it.
at::Tensor block_mean(const at::Tensor& image, const std::array<std::int64_t, 3>& block) {
  at::Tensor mean = at::avg_pool3d(image, block, block, /*padding=*/{0, 0, 0}, /*ceil_mode=*/true,
                                   /*count_include_pad=*/false);
  for (std::int64_t axis = 0; axis < 3; ++axis) {
    const at::Tensor voxel = at::arange(image.size(axis + 2), image.options().dtype(at::kLong).requires_grad(false));
    mean = mean.index_select(axis + 2, at::floor_divide(voxel, block[static_cast<std::size_t>(axis)]));
  }
  return mean;
}

void require_alike(const at::Tensor& prediction, const at::Tensor& image, const at::Tensor& hidden) {
  GADOLIN_CHECK(prediction.dim() == 5 && prediction.sizes() == image.sizes());
  GADOLIN_CHECK(hidden.dim() == 5 && hidden.size(1) == 1 && hidden.size(0) == image.size(0) &&
                hidden.sizes().slice(2) == image.sizes().slice(2));
}

// The mean over hidden voxels and all channels; 0 where none is hidden.
at::Tensor hidden_mean(const at::Tensor& values, const at::Tensor& hidden) {
  const at::Tensor visible = hidden <= 0;
  return values.masked_fill(visible, 0).sum() / (visible.logical_not().sum() * values.size(1)).clamp_min(1);
}

}  // namespace

at::Tensor normalised_in_blocks(const at::Tensor& image, const std::array<std::int64_t, 3>& block) {
  GADOLIN_CHECK(image.dim() == 5 && block[0] > 0 && block[1] > 0 && block[2] > 0);
  const WithoutAutocast exact;
  const at::Tensor wide = at_least_float(image);
  const at::Tensor centred = wide - block_mean(wide, block);
  return centred / (block_mean(centred.square(), block) + 1e-6).sqrt();
}

at::Tensor as_before_normalising(const at::Tensor& prediction, const at::Tensor& image,
                                 const std::array<std::int64_t, 3>& block) {
  GADOLIN_CHECK(prediction.dim() == 5 && prediction.sizes() == image.sizes());
  const WithoutAutocast exact;
  const at::Tensor wide = at_least_float(image), mean = block_mean(wide, block);
  const at::Tensor deviation = (block_mean((wide - mean).square(), block) + 1e-6).sqrt();
  return at_least_float(prediction) * deviation + mean;
}

at::Tensor masked_mean_square(const at::Tensor& prediction, const at::Tensor& image, const at::Tensor& hidden,
                              const std::array<std::int64_t, 3>& block, bool normalise) {
  require_alike(prediction, image, hidden);
  const WithoutAutocast exact;
  const at::Tensor target = normalise ? normalised_in_blocks(image, block) : at_least_float(image);
  return hidden_mean((at_least_float(prediction) - target).square(), hidden);
}

at::Tensor masked_mean_absolute(const at::Tensor& prediction, const at::Tensor& image, const at::Tensor& hidden) {
  require_alike(prediction, image, hidden);
  const WithoutAutocast exact;
  return hidden_mean((at_least_float(prediction) - at_least_float(image)).abs(), hidden);
}

}  // namespace losses
