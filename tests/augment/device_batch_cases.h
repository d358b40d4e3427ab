#pragma once
// Batches of views for the tests of device_batch.h: the CPU's views are what a device has to make.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "augment/device_batch.h"
#include "augment/recipes.h"
#include "pictures.h"

namespace device_batch {

using augment::Drawing;
using augment::Recipe;

// Drawings of one recipe, each of a case of its own size, so that some views reach out of their case.
struct Batch {
  std::vector<Drawing> drawings;
  std::vector<pictures::Sample> cases;
};

inline Batch batch_of(const Recipe& recipe, std::uint64_t seed, std::size_t views = 6) {
  const volume::Shape shapes[] = {{30, 26, 33}, {10, 12, 9}, {24, 1, 31}, {21, 40, 17}};
  Batch batch;
  for (std::size_t i = 0; i < views; ++i) {
    batch.cases.push_back(pictures::blobs(shapes[i % 4], {1.5, 1, 1}));
    batch.drawings.push_back(recipe.draw(batch.cases.back().frame, seed, i, 1));
  }
  return batch;
}

inline augment::Supervised always(augment::Supervised settings = {}) {
  settings.warp.rotation_chance = settings.warp.scale_chance = settings.warp.bend_chance = 1;
  augment::Intensity& all = settings.intensity;
  all.noise.chance = all.blur.chance = all.brightness.chance = all.contrast.chance = 1;
  all.low_resolution.chance = all.gamma.chance = 1;
  return settings;
}

inline std::vector<std::pair<std::string, Recipe>> recipes() {
  augment::Masked erased;
  erased.mask.erase = true;
  erased.mask.block = {3, 5, 4};
  erased.warp.bend_chance = 1;
  std::vector<std::pair<std::string, Recipe>> all;
  for (const volume::Shape& patch : {volume::Shape{16, 20, 18}, {1, 21, 23}, {13, 1, 9}, {11, 10, 1}}) {
    const std::string shape = " " + std::to_string(patch.depth) + "x" + std::to_string(patch.height);
    all.emplace_back("supervised" + shape, augment::supervised(patch, 0.5));
    all.emplace_back("all of supervised" + shape, augment::supervised(patch, 0, always()));
    all.emplace_back("contrastive" + shape, augment::contrastive(patch));
    all.emplace_back("masked" + shape, augment::masked(patch));
    all.emplace_back("masked and erased" + shape, augment::masked(patch, erased));
    all.emplace_back("centre" + shape, augment::centre(patch));
  }
  return all;
}

// Voxels of a batch on a device, and where they lie.
struct Stored {
  std::vector<at::Tensor> kept;
  std::vector<augment::DeviceSource> sources;
};
inline Stored stored(const Batch& batch, const at::Device& device) {
  Stored all;
  for (const pictures::Sample& each : batch.cases) {
    augment::DeviceSource source;
    const at::Tensor image = each.image.to(device), labels = each.labels.to(at::kByte).to(device);
    for (std::int64_t c = 0; c < image.size(0); ++c)
      source.channels.push_back({image[c].data_ptr<float>(), augment::Stored::kFloat32});
    source.labels = labels.data_ptr<std::uint8_t>();
    source.box = each.whole;
    all.kept.insert(all.kept.end(), {image, labels});
    all.sources.push_back(std::move(source));
  }
  return all;
}

struct Made {
  at::Tensor image, labels, valid, hidden;

  Made(const augment::PackedBatch& batch, const at::Device& device, bool bf16) {
    const auto of = [&](at::ScalarType type) { return at::TensorOptions(type).device(device); };
    const volume::Shape& to = batch.shape;
    image = at::full({batch.samples, batch.channels, to.depth, to.height, to.width}, -77,
                     of(bf16 ? at::kBFloat16 : at::kFloat));
    labels = at::full({batch.samples, to.depth, to.height, to.width}, 77, of(at::kLong));
    valid = at::full_like(labels, 77, of(at::kByte));
    hidden = at::full_like(labels, 77, of(at::kByte));
  }
  augment::DeviceViews views() const {
    return {image.data_ptr(), image.scalar_type() == at::kBFloat16, labels.data_ptr<std::int64_t>(),
            valid.data_ptr<std::uint8_t>(), hidden.data_ptr<std::uint8_t>()};
  }
};

// Images within `part` of the range of a channel of the CPU's view, all else equal.
inline void expect_views(const Batch& batch, const Made& made, double part = 1e-4) {
  for (std::size_t n = 0; n < batch.drawings.size(); ++n) {
    SCOPED_TRACE(batch.drawings[n].line());
    const augment::View truth = pictures::apply(batch.drawings[n], batch.cases[n]);
    const auto i = static_cast<std::int64_t>(n);
    const at::Tensor image = made.image[i].to(at::kCPU);
    for (std::int64_t c = 0; c < truth.image.size(0); ++c) {
      const double range = (truth.image[c].max() - truth.image[c].min()).item<double>();
      const double most = (image[c] - truth.image[c]).abs().max().item<double>();
      EXPECT_LE(most, part * range) << "channel " << c;
    }
    EXPECT_TRUE(at::equal(made.valid[i].to(at::kCPU), truth.valid));
    EXPECT_TRUE(at::equal(made.labels[i].to(at::kCPU), truth.labels));
    const at::Tensor hidden = truth.hidden.defined() ? truth.hidden : at::zeros_like(truth.valid);
    EXPECT_TRUE(at::equal(made.hidden[i].to(at::kCPU), hidden));
    EXPECT_EQ(augment::voxel_to_case(batch.drawings[n]), truth.voxel_to_case);
  }
}

}  // namespace device_batch
