#include "pipelines/case_windows.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace pipelines {
namespace {

using models::Extent;

std::vector<std::int64_t> overlapping_starts(std::int64_t extent, std::int64_t window) {
  const std::int64_t room = extent - window;
  if (room <= 0) return {0};
  const std::int64_t gaps = (2 * room + window - 1) / window;
  std::vector<std::int64_t> starts;
  for (std::int64_t i = 0; i <= gaps; ++i) starts.push_back(room * i / gaps);
  return starts;
}

// Zeros around the image, as many before as after, until it is at least as large as the window.
at::Tensor at_least(const at::Tensor& image, const Extent& window) {
  std::vector<std::int64_t> pads;
  for (std::int64_t a = 2; a >= 0; --a) {
    const std::int64_t lacking = std::max<std::int64_t>(0, window[static_cast<std::size_t>(a)] - image.size(a + 1));
    pads.push_back(lacking / 2);
    pads.push_back(lacking - lacking / 2);
  }
  return at::constant_pad_nd(image, pads);
}

}  // namespace

at::Tensor window_at(const at::Tensor& image, const Extent& at, const Extent& window) {
  return image.narrow(1, at[0], window[0]).narrow(2, at[1], window[1]).narrow(3, at[2], window[2]);
}

std::vector<at::Tensor> covering_windows(const at::Tensor& image, const Extent& window) {
  const at::Tensor whole = at_least(image, window);
  std::vector<at::Tensor> windows;
  for (const std::int64_t d : overlapping_starts(whole.size(1), window[0]))
    for (const std::int64_t h : overlapping_starts(whole.size(2), window[1]))
      for (const std::int64_t w : overlapping_starts(whole.size(3), window[2]))
        windows.push_back(window_at(whole, {d, h, w}, window));
  return windows;
}

at::Tensor middle_window(const at::Tensor& image, const Extent& window) {
  const at::Tensor whole = at_least(image, window);
  return window_at(whole,
                   {(whole.size(1) - window[0]) / 2, (whole.size(2) - window[1]) / 2, (whole.size(3) - window[2]) / 2},
                   window);
}

at::Tensor mean_over_windows(const std::vector<at::Tensor>& windows, std::int64_t at_once,
                             const std::function<at::Tensor(const at::Tensor&)>& embed) {
  at::Tensor sum;
  const auto count = static_cast<std::int64_t>(windows.size());
  for (std::int64_t begin = 0; begin < count; begin += at_once) {
    const std::vector<at::Tensor> some(windows.begin() + begin, windows.begin() + std::min(count, begin + at_once));
    const at::Tensor part = embed(at::stack(some)).sum(0).to(at::kCPU);
    sum = sum.defined() ? sum + part : part;
  }
  return sum / static_cast<double>(count);
}

}  // namespace pipelines
