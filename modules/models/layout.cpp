#include "models/layout.h"

#include <ATen/ATen.h>

#include "core/error.h"

namespace models {

at::Tensor channels_last(const at::Tensor& x) {
  GADOLIN_CHECK(x.dim() == 5);
  if (x.size(1) != 1) return x.contiguous(at::MemoryFormat::ChannelsLast3d);
  return x.squeeze(1).contiguous().unsqueeze(4).permute({0, 4, 1, 2, 3});
}

at::Tensor voxelwise(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  GADOLIN_CHECK(weight.dim() == 2 && weight.size(1) == x.size(1));
  return at::linear(channels_last(x).permute({0, 2, 3, 4, 1}), weight, bias).permute({0, 4, 1, 2, 3});
}

}  // namespace models
