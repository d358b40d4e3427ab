#pragma once
// The residual block of MONAI's UNETR family, with its names: "conv1.conv.", "conv2.conv.", "conv3.conv.". Its
// convolutions have no bias and its instance normalisation no weights.

#include <memory>

#include "models/blocks.h"

namespace models {

// leaky(norm(conv2(leaky(norm(conv1(x))))) + way around), which is x, or norm(conv3(x)), of one voxel, where channels
// change. The extent stays.
struct BareResidual : torch::nn::Module {
  BareResidual(std::int64_t in, std::int64_t out, const Extent& kernel);
  at::Tensor forward(const at::Tensor& x) const;
  std::shared_ptr<Conv> conv1, conv2, conv3;
};

}  // namespace models
