#pragma once
// A whole picture through a network that sees patches.
//
// Windows stand `1 - overlap` of their size apart, evenly; the last ones are shifted inside, so that none reaches out
// of the picture; a picture smaller than the window is padded with 0 on both sides, as training pads, and cut back.
// Each voxel is the mean of the windows over it, weighted by a Gaussian around the window's centre (sigma = 1/8 of its
// size: F. Isensee et al., "nnU-Net", Nature Methods 18, 2021). The mean is kept running, so that what all windows
// agree upon comes out bit for bit, and a sum of probabilities stays 1.
//
// Memory beyond picture and result: one slab [K, window depth, H, W] of means and one window's prediction. Not safe to
// run two at once on one network. `predict` is called without gradients.

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "volume/volume.h"

namespace evaluate {

struct SlidingOptions {
  double overlap = 0.5;                             // 0 <= overlap < 1
  std::array<bool, 3> mirror{false, false, false};  // axes {d, h, w}: all combinations are predicted and averaged
  std::int64_t batch = 1;                           // windows predicted at once
  std::optional<c10::Device> device;                // where `predict` wants its windows; else where the picture is
  std::function<void(std::int64_t done, std::int64_t all)> watch;  // after each batch of windows
};

// [N, C, d, h, w] -> [N, outputs, d, h, w] of one window size; values that may be averaged (probabilities).
using PredictWindows = std::function<at::Tensor(const at::Tensor&)>;

// image [C, D, H, W] -> [outputs, D, H, W] float32 on the picture's device. Throws usage Error for an overlap out of
// range; what `predict` returns in another shape is our bug.
at::Tensor sliding_window(const at::Tensor& image, const std::array<std::int64_t, 3>& window, std::int64_t outputs,
                          const PredictWindows& predict, const SlidingOptions& options = {});

// The same handed out slab by slab, slices rising, as soon as no window can change them any more: take(first slice,
// [outputs, n, H, W]). What is handed in is overwritten afterwards. For pictures with many classes.
void sliding_window_slabs(const at::Tensor& image, const std::array<std::int64_t, 3>& window, std::int64_t outputs,
                          const PredictWindows& predict, const SlidingOptions& options,
                          const std::function<void(std::int64_t, const at::Tensor&)>& take);

// The first voxel of each window along one axis: 0 .. size - window; one 0 when the window is the larger.
std::vector<std::int64_t> window_starts(std::int64_t size, std::int64_t window, double overlap);

// The most probable class of each voxel (among equals the lowest), [K, D, H, W] -> uint8 (K <= 256) or uint16 map.
volume::Volume label_map_of(const at::Tensor& probabilities, const volume::Geometry& geometry);

}  // namespace evaluate
