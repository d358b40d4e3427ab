#pragma once
// Small cases for the tests of this module.

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/zeros.h>

#include <cmath>

#include "augment/recipe.h"
#include "core/rng.h"
#include "tensor_source.h"

namespace pictures {

struct Sample {
  at::Tensor image, labels;
  volume::Frame frame;
  volume::VoxelBox whole;
};

// Smooth blobs plus a little noise, two channels; labels 0, 3 and 7.
inline Sample blobs(const volume::Shape& shape, std::array<double, 3> spacing_mm = {1, 1, 1}) {
  Sample sample;
  sample.image = at::empty({2, shape.depth, shape.height, shape.width}, at::kFloat);
  sample.labels = at::empty({shape.depth, shape.height, shape.width}, at::kLong);
  sample.frame.channels = 2;
  sample.frame.shape = shape;
  sample.frame.spacing_mm = spacing_mm;
  sample.frame.locations.resize(8);
  sample.whole = {{0, 0, 0}, shape};
  core::Rng rng({11, 0, 0, 0});
  float* image = sample.image.data_ptr<float>();
  std::int64_t* label = sample.labels.data_ptr<std::int64_t>();
  std::int64_t at = 0;
  for (std::int64_t d = 0; d < shape.depth; ++d) {
    for (std::int64_t h = 0; h < shape.height; ++h) {
      for (std::int64_t w = 0; w < shape.width; ++w, ++at) {
        const double wave = std::sin(0.31 * static_cast<double>(d)) + std::sin(0.23 * static_cast<double>(h) + 1) +
                            std::sin(0.17 * static_cast<double>(w) + 2);
        image[at] = static_cast<float>(wave + 0.1 * rng.normal());
        image[at + shape.voxels()] = static_cast<float>(-500 + 100 * wave * wave + rng.normal());
        label[at] = wave > 1.5 ? 7 : wave > 0.5 ? 3 : 0;
        if (label[at] != 0 && rng.chance(0.05)) {
          sample.frame.locations[static_cast<std::size_t>(label[at])].push_back({d, h, w});
        }
      }
    }
  }
  return sample;
}

// Channel a holds the coordinate along axis a, so a view tells where each of its voxels came from.
inline Sample coordinates(const volume::Shape& shape, std::array<double, 3> spacing_mm = {1, 1, 1}) {
  Sample sample;
  sample.image = at::empty({3, shape.depth, shape.height, shape.width}, at::kFloat);
  sample.frame.channels = 3;
  sample.frame.shape = shape;
  sample.frame.spacing_mm = spacing_mm;
  sample.whole = {{0, 0, 0}, shape};
  float* image = sample.image.data_ptr<float>();
  std::int64_t at = 0;
  for (std::int64_t d = 0; d < shape.depth; ++d) {
    for (std::int64_t h = 0; h < shape.height; ++h) {
      for (std::int64_t w = 0; w < shape.width; ++w, ++at) {
        image[at] = static_cast<float>(d);
        image[at + shape.voxels()] = static_cast<float>(h);
        image[at + 2 * shape.voxels()] = static_cast<float>(w);
      }
    }
  }
  return sample;
}

inline augment::View apply(const augment::Drawing& drawing, const Sample& sample) {
  return augment::apply(drawing, TensorSource(sample.image, sample.labels, sample.whole, sample.frame.shape).source());
}

// Reads the box that was drawn and nothing else.
inline augment::View apply_to_box(const augment::Drawing& drawing, const Sample& sample) {
  const volume::VoxelBox box = drawing.box();
  const auto cut = [&box](at::Tensor tensor) {
    if (!tensor.defined()) return tensor;
    for (int a = 0; a < 3; ++a) tensor = tensor.narrow(tensor.dim() - 3 + a, box.begin[a], box.shape[a]);
    return tensor.contiguous();
  };
  return augment::apply(drawing, TensorSource(cut(sample.image), cut(sample.labels), box, sample.frame.shape).source());
}

inline bool same(const at::Tensor& a, const at::Tensor& b) {
  return a.defined() == b.defined() && (!a.defined() || at::equal(a, b));
}
inline bool same(const augment::View& a, const augment::View& b) {
  return same(a.image, b.image) && same(a.labels, b.labels) && same(a.valid, b.valid) && same(a.hidden, b.hidden) &&
         a.voxel_to_case == b.voxel_to_case;
}

inline float value(const at::Tensor& image, std::int64_t c, std::int64_t d, std::int64_t h, std::int64_t w) {
  return image.data_ptr<float>()[((c * image.size(1) + d) * image.size(2) + h) * image.size(3) + w];
}

}  // namespace pictures
