#pragma once
// A tensor as the part of a case that views are made of.

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "augment/block.h"

// Copies [C, D, H, W] float32 and, when there are any, labels [D, H, W] int64 below 256.
class TensorSource {
 public:
  TensorSource(const at::Tensor& image, const at::Tensor& labels, const volume::VoxelBox& box,
               const volume::Shape& case_shape)
      : box_(box), case_shape_(case_shape) {
    const at::Tensor voxels = image.contiguous();
    const volume::Shape shape{image.size(1), image.size(2), image.size(3)};
    for (std::int64_t c = 0; c < image.size(0); ++c) {
      channels_.emplace_back(shape, volume::VoxelType::kFloat32, volume::Geometry{});
      std::copy_n(voxels.data_ptr<float>() + c * shape.voxels(), shape.voxels(),
                  channels_.back().voxels<float>().data());
    }
    for (const volume::Volume& channel : channels_) pointers_.push_back(&channel);
    if (!labels.defined()) return;
    labels_.emplace(shape, volume::VoxelType::kUInt8, volume::Geometry{});
    const at::Tensor classes = labels.contiguous();
    std::transform(classes.data_ptr<std::int64_t>(), classes.data_ptr<std::int64_t>() + classes.numel(),
                   labels_->voxels<std::uint8_t>().data(), [](auto label) { return static_cast<std::uint8_t>(label); });
  }

  augment::Source source() const { return {pointers_, labels_ ? &*labels_ : nullptr, box_, case_shape_}; }
  std::vector<volume::Volume>& channels() { return channels_; }

 private:
  std::vector<volume::Volume> channels_;
  std::vector<const volume::Volume*> pointers_;
  std::optional<volume::Volume> labels_;
  volume::VoxelBox box_;
  volume::Shape case_shape_;
};
