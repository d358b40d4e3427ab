#pragma once
// A picture as a grid of overlapping cubes, and a network that walks over the grid plane by plane: what CPC predicts
// with.

#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "models/encoder.h"

namespace ssl {

// side^3 cubes of a patch, numbered {d, h, w}, width fastest, in its middle.
class CubeGrid {
 public:
  // overlap: the share of a cube's side that the next one shows too. The cubes are the largest that the encoder takes
  // and that fit. Throws usage Error when there are none.
  CubeGrid(const models::Encoder& encoder, const models::Input& input, std::int64_t side, double overlap);

  const models::Extent& cube() const { return cube_; }  // voxels
  const models::Extent& step() const { return step_; }  // voxels from one cube's begin to the next one's
  // Pictures [N, C, D, H, W] of the patch's size to cubes [N side^3, C, d, h, w].
  at::Tensor cut(const at::Tensor& pictures) const;

 private:
  std::int64_t length(std::size_t axis) const { return cube_[axis] + (side_ - 1) * step_[axis]; }

  std::int64_t side_;
  models::Extent cube_{}, step_{}, begin_{};
};

// Looks at a plane of the grid and at all before it along d, never ahead: convolutions of two planes and 3 x 3 places
// with a ReLU after each, as many as reach back from the last plane to the first.
class LooksBack : public torch::nn::Module {
 public:
  LooksBack(std::int64_t in, std::int64_t width, std::int64_t planes);
  // [N, in, planes, h, w] -> [N, width, planes, h, w]
  at::Tensor forward(const at::Tensor& grid);

 private:
  std::vector<std::shared_ptr<torch::nn::Module>> layers_;
};

}  // namespace ssl
