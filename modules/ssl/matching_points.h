#pragma once
// The same places of a case in two of its views.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "data/batch.h"
#include "models/encoder.h"

namespace ssl {

// `first`, `second` [N, P, 3] float32 on the CPU: indices {d, h, w}, also between voxels, of P places in either view;
// `shared` [N, P] float32: 1 where the place lies inside both, 0 where none was found (then both are any place). Drawn
// evenly over the part of the first view that the second shows, by the sample's number alone; what bends a view is not
// known here. The views of a sample must be of one case.
struct MatchingPoints {
  at::Tensor first, second, shared;
};
MatchingPoints matching_points(const data::View& first, const data::View& second, const at::Tensor& sample,
                               std::int64_t points);

// Rows [N P, C] float32 of features at these indices of images of the view's size: linear between the centres of a
// scale's cells, all scales [N, C_s, d, h, w] side by side.
at::Tensor features_at(const std::vector<at::Tensor>& scales, const at::Tensor& indices, at::IntArrayRef extent);
// C of such rows, where the scales are the encoder's.
std::int64_t channels_of_all_scales(const models::Encoder& encoder);

}  // namespace ssl
