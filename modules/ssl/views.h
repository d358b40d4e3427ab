#pragma once
// What methods share that compare several views of a sample.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "augment/recipes.h"
#include "data/batch.h"
#include "models/encoder.h"
#include "ssl/method.h"

namespace ssl {

// Throws usage Error unless the global batch has `least` samples; `why` ends the sentence "METHOD ... : ".
void need_samples(const data::Batch& batch, const runtime::Comm& comm, std::int64_t least, std::string_view method,
                  std::string_view why);

// Embeddings [V N, C] of the views, one view after the other; views of one size that stand side by side go through the
// encoder together.
at::Tensor embeddings_of(models::Encoder& encoder, std::span<const data::View> views);

// Large views, which are of the patch's size, and small ones.
struct Crops {
  std::vector<std::int64_t> small_patch;
  augment::MultiCrop crops;

  static constexpr auto fields() {
    return std::tuple{
        core::field("small_patch", &Crops::small_patch,
                    "voxels of a small view, {d, h, w} or one number for all; empty: half of the patch",
                    core::Range{1, 4096}),
        core::field("crops", &Crops::crops, "how many views there are, and how they are made"),
    };
  }
};
// The small views' size. Throws usage Error when it has another number of axes, or does not suit the encoder.
models::Extent small_patch_of(const Crops& crops, const Setup& setup);
std::vector<augment::Recipe> recipes_of(const Crops& crops, const models::Input& input, const models::Extent& small);

}  // namespace ssl
