#pragma once
// What masked modelling is trained with.

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>

namespace losses {

// Mean square of prediction - image over the voxels where hidden is 1, and over channels; a scalar, differentiable in
// the prediction, 0 with gradient 0 where nothing is hidden. prediction, image [N, C, D, H, W]; hidden [N, 1, D, H, W],
// 0 or 1, any type. With `normalise` the image is first brought to mean 0 and variance 1 (over n, not n - 1; 1e-6 is
// added) in each block {d, h, w} of voxels and each channel, as in He et al., "Masked autoencoders are scalable vision
// learners", CVPR 2022; blocks begin at index 0 and the last of an axis may be cut. `block` is read only then.
at::Tensor masked_mean_square(const at::Tensor& prediction, const at::Tensor& image, const at::Tensor& hidden,
                              const std::array<std::int64_t, 3>& block, bool normalise);

// Mean of |prediction - image| over the voxels where hidden is 1, and over channels, of the plain image; else as above.
// Xie et al., "SimMIM: a simple framework for masked image modeling", CVPR 2022.
at::Tensor masked_mean_absolute(const at::Tensor& prediction, const at::Tensor& image, const at::Tensor& hidden);

// The image so normalised: what a prediction is compared with.
at::Tensor normalised_in_blocks(const at::Tensor& image, const std::array<std::int64_t, 3>& block);
// A prediction of the normalised image in the image's own values, by its blocks' mean and variance: for people to look
// at.
at::Tensor as_before_normalising(const at::Tensor& prediction, const at::Tensor& image,
                                 const std::array<std::int64_t, 3>& block);

}  // namespace losses
