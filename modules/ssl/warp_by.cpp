#include "ssl/warp_by.h"

#include <ATen/ATen.h>

#include <vector>

#include "core/error.h"
#include "losses/precision.h"

namespace ssl {
namespace {

// {D, H, W} beside [N, 3, d, h, w].
at::Tensor beside(at::IntArrayRef extent, const at::Tensor& places) {
  return at::tensor(extent, at::kLong).to(places.device(), places.scalar_type()).view({1, 3, 1, 1, 1});
}

}  // namespace

at::Tensor indices_of(at::IntArrayRef extent, const at::TensorOptions& options) {
  std::vector<at::Tensor> axes;
  for (std::int64_t axis = 0; axis < 3; ++axis) {
    std::vector<std::int64_t> shape{1, 1, 1};
    shape[static_cast<std::size_t>(axis)] = -1;
    axes.push_back(at::arange(extent[static_cast<std::size_t>(axis)], options).view(shape).expand(extent));
  }
  return at::stack(axes).unsqueeze(0);
}

at::Tensor seen_at(const at::Tensor& pictures, const at::Tensor& places) {
  GADOLIN_CHECK(pictures.dim() == 5 && places.dim() == 5 && places.size(1) == 3);
  const losses::WithoutAutocast exact;
  const at::Tensor wide = losses::at_least_float(pictures), at_places = losses::at_least_float(places);
  // To {x, y, z} with -1 and 1 the outer edges of the outer voxels: that also holds for an extent of one voxel.
  const at::Tensor inside =
      ((2 * at_places + 1) / beside(wide.sizes().slice(2), at_places) - 1).permute({0, 2, 3, 4, 1});
  return at::grid_sampler_3d(wide, inside.flip(4).expand({wide.size(0), -1, -1, -1, -1}).to(wide.scalar_type()),
                             /*interpolation_mode=*/0, /*padding_mode=*/1, /*align_corners=*/false);
}

at::Tensor warp_by(const at::Tensor& pictures, const at::Tensor& displacement) {
  const at::Tensor wide = losses::at_least_float(displacement);
  return seen_at(pictures, wide + indices_of(wide.sizes().slice(2), wide.options().requires_grad(false)));
}

at::Tensor affine_displacement(const at::Tensor& maps, const at::Tensor& places, at::IntArrayRef extent) {
  GADOLIN_CHECK(maps.dim() == 3 && maps.size(1) == 3 && maps.size(2) == 4 && places.dim() == 5 && places.size(1) == 3);
  const losses::WithoutAutocast exact;
  const at::Tensor size = beside(extent, places), rows = losses::at_least_float(maps).to(places.scalar_type());
  const at::Tensor from_middle = ((2 * places + 1) / size - 1).flatten(2);  // [N, 3, d h w]
  const at::Tensor moved = rows.narrow(2, 0, 3).matmul(from_middle) + rows.narrow(2, 3, 1);
  const auto grid = places.sizes().slice(2);
  return moved.view({moved.size(0), 3, grid[0], grid[1], grid[2]}) * size / 2;
}

}  // namespace ssl
