#include <ATen/ops/empty.h>

#include <algorithm>

#include "data/view_maker.h"

namespace data {
namespace {

void write_as_float(const volume::Volume& volume, float* to) {
  volume::with_type(volume.type(), [&](auto zero) {
    const auto from = volume.voxels<decltype(zero)>();
    const double scale = volume.scale, offset = volume.offset;
    if (scale == 1 && offset == 0) {
      std::transform(from.begin(), from.end(), to, [](auto voxel) { return static_cast<float>(voxel); });
      return;
    }
    for (std::size_t i = 0; i < from.size(); ++i)
      to[i] = static_cast<float>(static_cast<double>(from[i]) * scale + offset);
  });
}

}  // namespace

at::Tensor image_of(const Picture& picture) {
  const volume::Shape& shape = picture.box.shape;
  const at::Tensor image = at::empty(
      {static_cast<std::int64_t>(picture.channels.size()), shape.depth, shape.height, shape.width}, at::kFloat);
  float* to = image.data_ptr<float>();
  for (const std::optional<volume::Volume>& channel : picture.channels) {
    if (channel) {
      write_as_float(*channel, to);
    } else {
      std::fill_n(to, shape.voxels(), 0.0f);
    }
    to += shape.voxels();
  }
  return image;
}

at::Tensor labels_of(const Picture& picture) {
  if (!picture.labels) return {};
  const volume::Shape& shape = picture.box.shape;
  const at::Tensor labels = at::empty({shape.depth, shape.height, shape.width}, at::kLong);
  auto* const to = labels.data_ptr<std::int64_t>();
  volume::with_type(picture.labels->type(), [&](auto zero) {
    const auto from = picture.labels->voxels<decltype(zero)>();
    std::transform(from.begin(), from.end(), to, [](auto label) { return static_cast<std::int64_t>(label); });
  });
  return labels;
}

}  // namespace data
