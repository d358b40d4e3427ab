#pragma once
// From the features of two pictures, how one is moved onto the other; thrown away afterwards.

#include <torch/nn/module.h>

#include <cstdint>
#include <memory>

#include "models/blocks.h"
#include "models/encoder.h"

namespace ssl {

// What is seen at index i of the fixed picture lies at i + total(i) of the moving one, in voxels (warp_by.h).
struct Moves {
  at::Tensor maps;   // [N, 3, 4]: an affine map of all, as affine_displacement wants it
  at::Tensor local;  // [N, 3, D, H, W]: each voxel by itself, before the map
  at::Tensor total;  // [N, 3, D, H, W]: both
};

// The coarsest features of both tell the affine map, at most half a view along each axis; the map moves the dense
// features of the moving picture, and beside those of the fixed one these tell what is left. Begins with no move at
// all. After He et al., "Geometric visual similarity learning in 3D medical image self-supervised pre-training", CVPR
// 2023.
class RegistrationHead : public torch::nn::Module {
 public:
  // `dense`: channels of the dense features. The encoder is used for its numbers only.
  RegistrationHead(const models::Encoder& encoder, const models::Input& input, std::int64_t dense);
  // Features of the picture, coarsest [N, C, d, h, w] and dense [N, dense, D, H, W].
  struct Seen {
    at::Tensor coarsest, dense;
  };
  // In float32 or better.
  Moves moves(const Seen& fixed, const Seen& moving) const;

 private:
  std::shared_ptr<models::Conv> join_, merge_, local_;
  std::shared_ptr<torch::nn::Module> hidden_, affine_;
};

}  // namespace ssl
