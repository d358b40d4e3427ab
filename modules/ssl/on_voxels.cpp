#include "ssl/on_voxels.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

namespace ssl {

at::Tensor OnVoxels::embedding(const at::Tensor& images) {
  const at::NoGradGuard no_gradient;
  return mean_over_space(encoder_->features(images).back());
}

at::Tensor mean_over_space(const at::Tensor& features) {
  return features.mean({2, 3, 4}, /*keepdim=*/false, at::kFloat);
}

}  // namespace ssl
