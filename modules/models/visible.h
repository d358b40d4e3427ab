#pragma once
// A convolutional encoder that sees some blocks of a picture and takes the others for not there.

#include <ATen/core/Tensor.h>

#include <vector>

#include "models/conv_encoder.h"

namespace models {

// features() as a sparse network has them, of the voxels where `visible` is 1: image [N, C, D, H, W], visible
// [N, 1, D, H, W]. Hidden voxels are 0 in front of every convolution, are left out of every mean and variance, and all
// features of them are 0; so nothing of a hidden voxel reaches a feature, and how much is hidden shifts no statistic.
// Blocks must be made of whole strides of the coarsest scale: then a feature is visible or hidden as a whole. Scale s
// is hidden where the first voxel of its block is. With everything visible this is features(). Tian et al., "Designing
// BERT for convolutional networks: sparse and hierarchical masked modeling", ICLR 2023.
std::vector<at::Tensor> visible_features(const ConvEncoder& encoder, const at::Tensor& image,
                                         const at::Tensor& visible);

// visible [N, 1, D, H, W] at a scale that is `stride` times smaller.
at::Tensor visible_at(const at::Tensor& visible, const Extent& stride);

// norm_leaky over the visible voxels alone; 0 at the others.
at::Tensor norm_leaky_visible(const at::Tensor& x, const at::Tensor& visible, const at::Tensor& weight,
                              const at::Tensor& bias, std::int64_t groups, double slope, const at::Tensor& around = {});

}  // namespace models
