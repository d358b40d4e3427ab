#pragma once
// Methods whose loss is on voxels.

#include "ssl/method.h"

namespace ssl {

// A ViT's class token learns nothing from such a loss: what probes look at is the mean of the coarsest features over
// space, whatever the encoder gives as its embedding.
class OnVoxels : public OneEncoder {
 public:
  at::Tensor embedding(const at::Tensor& images) override;

 protected:
  using OneEncoder::OneEncoder;
};

// Features [N, C, d, h, w] averaged over space: [N, C] float32, with gradient.
at::Tensor mean_over_space(const at::Tensor& features);

}  // namespace ssl
