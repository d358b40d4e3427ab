#pragma once
// A code becomes a picture; thrown away afterwards.

#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "models/blocks.h"
#include "models/encoder.h"

namespace ssl {

// One linear layer to a coarse grid of at most 4 voxels along each axis, then doubled and convolved up to the patch,
// with half the channels each time. Nothing is normalised: how bright a picture is must come through. Of any patch.
class Generator : public torch::nn::Module {
 public:
  // `finest`: channels at the patch's resolution, 256 at most at coarser ones.
  Generator(std::int64_t code, const models::Input& input, std::int64_t finest);
  // [N, code] -> [N, C, D, H, W] of the patch.
  at::Tensor forward(const at::Tensor& codes) const;

 private:
  std::vector<models::Extent> extents_;  // coarsest first, the last is the patch
  std::int64_t coarsest_;                // channels there
  std::shared_ptr<torch::nn::Module> begin_;
  std::vector<std::shared_ptr<models::Conv>> convolutions_;
  std::shared_ptr<models::Conv> out_;
};

// Features [N, C, d, h, w] averaged onto a grid of at most 4 along each axis, as rows: where the mean over space would
// forget the place.
at::Tensor flattened(const at::Tensor& features);
// The encoder's coarsest ones, what a code is made of: [N, flat_features_size()].
at::Tensor flat_features(models::Encoder& encoder, const at::Tensor& images);
std::int64_t flat_features_size(const models::Encoder& encoder, const models::Input& input);

}  // namespace ssl
