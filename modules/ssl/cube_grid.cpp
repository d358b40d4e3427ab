#include "ssl/cube_grid.h"

#include <ATen/ATen.h>
#include <torch/nn/modules/conv.h>

#include <cmath>
#include <optional>
#include <string>

#include "core/error.h"
#include "models/extent.h"
#include "ssl/tiling.h"

namespace ssl {

CubeGrid::CubeGrid(const models::Encoder& encoder, const models::Input& input, std::int64_t side, double overlap)
    : side_(side) {
  GADOLIN_CHECK(side >= 2 && overlap >= 0 && overlap < 1);
  models::Extent most{};
  const double sides = static_cast<double>(side) - static_cast<double>(side - 1) * overlap;
  for (std::size_t a = 0; a < 3; ++a)
    most[a] = static_cast<std::int64_t>(std::floor(static_cast<double>(input.patch[a]) / sides));
  const std::optional<models::Extent> cube = taken_within(encoder, most);
  bool fit = cube.has_value();
  for (std::size_t a = 0; fit && a < 3; ++a) {
    cube_[a] = (*cube)[a];
    step_[a] = (input.patch[a] - cube_[a]) / (side - 1);
    begin_[a] = (input.patch[a] - length(a)) / 2;
    fit = step_[a] >= 1;
  }
  if (!fit)
    throw core::usage_error("a patch of " + models::to_text(input.patch) + " voxels has no " + std::to_string(side) +
                                " cubes along each axis that the encoder takes",
                            "take a larger patch (data.patch), a smaller method.side, more method.overlap, or an "
                            "encoder of fewer stages (resenc, resnet) or smaller tokens (vit)");
}

at::Tensor CubeGrid::cut(const at::Tensor& pictures) const {
  at::Tensor cubes = pictures;
  for (std::size_t a = 0; a < 3; ++a) {
    const auto axis = static_cast<std::int64_t>(a) + 2;
    cubes = cubes.narrow(axis, begin_[a], length(a)).unfold(axis, cube_[a], step_[a]);
  }
  return cubes.permute({0, 2, 3, 4, 1, 5, 6, 7}).flatten(0, 3);
}

LooksBack::LooksBack(std::int64_t in, std::int64_t width, std::int64_t planes) {
  for (std::int64_t layer = 0; layer + 1 < planes; ++layer)
    layers_.push_back(register_module(
        "layer" + std::to_string(layer),
        std::make_shared<torch::nn::Conv3dImpl>(torch::nn::Conv3dOptions(layer == 0 ? in : width, width, {2, 3, 3}))));
}

at::Tensor LooksBack::forward(const at::Tensor& grid) {
  at::Tensor x = grid;
  for (const auto& layer : layers_)
    x = at::relu(layer->as<torch::nn::Conv3dImpl>()->forward(at::constant_pad_nd(x, {1, 1, 1, 1, 1, 0})));
  return x;
}

}  // namespace ssl
