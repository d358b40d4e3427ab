#pragma once
// A case that is larger than the patch, seen window by window. Images are [C, D, H, W].

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "models/encoder.h"

namespace pipelines {

// The part of an image that begins at voxel `at`; shares its memory.
at::Tensor window_at(const at::Tensor& image, const models::Extent& at, const models::Extent& window);

// Windows that cover the image, evenly spread, half of a window apart at most. An image that is smaller lies in the
// middle of zeros.
std::vector<at::Tensor> covering_windows(const at::Tensor& image, const models::Extent& window);
at::Tensor middle_window(const at::Tensor& image, const models::Extent& window);

// [K], on the CPU: the mean over windows of the rows [n, K] that `embed` makes of [n, C, D, H, W], `at_once` of them at
// a time.
at::Tensor mean_over_windows(const std::vector<at::Tensor>& windows, std::int64_t at_once,
                             const std::function<at::Tensor(const at::Tensor&)>& embed);

}  // namespace pipelines
