#pragma once
// The block of MedNeXt, with MONAI's names: Roy et al., "MedNeXt: transformer-driven scaling of ConvNets for medical
// image segmentation", MICCAI 2023.

#include <memory>
#include <vector>

#include "models/blocks.h"

namespace models {

enum class Resampling { kNone, kDown, kUp };

struct MednextShape {
  std::int64_t in = 0, out = 0;
  std::int64_t expansion = 2;  // hidden channels over `in`
  Extent kernel{3, 3, 3};      // of the convolution of each channel
  Extent stride{1, 1, 1};      // of kDown and kUp
  Resampling resampling = Resampling::kNone;
  bool responses = false;  // global response normalisation of the hidden channels
};

// "conv1." of each channel, "norm." over the voxels of each channel, "conv2." to the hidden channels, GELU, "conv3."
// back, plus the way around: x, or where it resamples "res_conv." of it, of one voxel. Extents: kDown ceil(extent /
// stride); kUp extent times stride, of which the first stride - 1 planes along an axis are 0.
struct MednextBlock : torch::nn::Module {
  explicit MednextBlock(const MednextShape& shape);
  at::Tensor forward(const at::Tensor& x) const;

  MednextShape shape;
  at::Tensor each_weight, each_bias;      // of conv1
  at::Tensor around_weight, around_bias;  // of res_conv
  at::Tensor gamma, beta;                 // [1, hidden, 1, 1, 1]
  std::shared_ptr<Norm> norm;
  std::shared_ptr<Conv> conv2, conv3;

 private:
  at::Tensor around(const at::Tensor& x) const;
};

// Blocks one after the other, "0.", "1." ...
struct MednextStage : torch::nn::Module {
  explicit MednextStage(const MednextShape& shape, std::int64_t count);
  at::Tensor forward(const at::Tensor& x) const;
  std::vector<std::shared_ptr<MednextBlock>> blocks;
};

}  // namespace models
