#pragma once
// What a learner is given at each step.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "volume/transform.h"

namespace data {

// The same view of N samples, stacked; all of one size, so multi-crop is several views. Tensors may be undefined where
// said. A sample that draws on two cases has views of either: `case_index` tells.
struct View {
  at::Tensor images;      // [N, C, D, H, W] float32
  at::Tensor labels;      // [N, D, H, W] int64, -1 in a case without; undefined when no case of the batch has any
  at::Tensor valid;       // [N, D, H, W] uint8: 1 where the voxel lies inside its case
  at::Tensor hidden;      // [N, D, H, W] uint8: 1 where the voxel was hidden; undefined: nowhere
  at::Tensor kept;        // as images: before they were damaged; undefined when they were not
  at::Tensor case_index;  // [N] int64, index in the store
  std::vector<volume::Transform> voxel_to_case;  // N: index in the view -> index in the case's grid
  std::vector<volume::Shape> case_shape;         // N
};

struct Batch {
  std::vector<View> views;                    // at least one
  at::Tensor sample;                          // [N] int64: number of the sample, counted over the whole run
  at::Tensor case_index;                      // [N] int64: the case the sample belongs to
  at::Tensor has_labels;                      // [N] uint8
  at::Tensor channels_present;                // [N, C] uint8
  std::map<std::string, at::Tensor> targets;  // [N] float32 by name; NaN where a case has none
  std::vector<std::string> reports;           // N texts, may be empty
  std::vector<std::string> ids;               // N case ids

  std::int64_t size() const { return static_cast<std::int64_t>(ids.size()); }
  // The tensors on another device; shares what is there already.
  Batch to(const c10::Device& device) const;
  // Samples begin .. begin + size - 1; shares their memory.
  Batch part(std::int64_t begin, std::int64_t size) const;
};

}  // namespace data
