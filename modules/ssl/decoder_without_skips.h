#pragma once
// The coarsest features back to voxels, and nothing else: what the picture is made of must have come through them.

#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "models/blocks.h"
#include "models/encoder.h"

namespace ssl {

// From the encoder's coarsest stride up to the picture: for each prime factor of it a transposed convolution and a
// convolution of 3 voxels, half the channels each time, 8 at least. Normalised over all channels of a sample together:
// what a channel has beside the others is kept, so that the mean over space says something. Thrown away afterwards.
class DecoderWithoutSkips : public torch::nn::Module {
 public:
  // The encoder is used for its numbers only.
  explicit DecoderWithoutSkips(const models::Encoder& encoder);
  // Of coarsest features [N, C, d, h, w] of a picture of this extent: [N, channels()[s], ...] at each scale, coarsest
  // first; the last has the picture's extent.
  std::vector<at::Tensor> scales(const at::Tensor& coarsest, at::IntArrayRef extent);
  const std::vector<std::int64_t>& channels() const { return channels_; }

 private:
  struct Step : torch::nn::Module {
    Step(std::int64_t in, std::int64_t out, const models::Extent& factor);
    at::Tensor forward(const at::Tensor& x, const models::Extent& extent) const;
    std::shared_ptr<models::UpConv> up;
    std::shared_ptr<models::Norm> norm;
    std::shared_ptr<models::ConvNorm> merge;
  };
  std::vector<std::shared_ptr<Step>> steps_;
  std::vector<models::Extent> strides_;  // of each scale, from the picture on
  std::vector<std::int64_t> channels_;
};

}  // namespace ssl
