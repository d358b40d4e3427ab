#include "evaluate/sliding_window.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/error.h"

namespace evaluate {
namespace {

using Size = std::array<std::int64_t, 3>;

struct Place {
  std::int64_t d, h, w;
};

at::Tensor gaussian(std::int64_t size, int axis, const at::TensorOptions& options) {
  const double centre = static_cast<double>(size - 1) / 2, sigma = static_cast<double>(size) / 8;
  at::Tensor away = (at::arange(size, options.dtype(at::kDouble)) - centre) / sigma;
  std::array<std::int64_t, 3> shape{1, 1, 1};
  shape[static_cast<std::size_t>(axis)] = size;
  return at::exp(-0.5 * away * away).reshape(shape);
}

// [d, h, w]; the farthest corner of a cubic window still has exp(-24): a float holds it, so no voxel is without weight.
at::Tensor weights_of(const Size& window, const at::TensorOptions& options) {
  return (gaussian(window[0], 0, options) * gaussian(window[1], 1, options) * gaussian(window[2], 2, options))
      .to(at::kFloat);
}

// Prediction of a batch of windows, averaged over the mirrorings asked for; [N, K, d, h, w] float32.
class Predictor {
 public:
  Predictor(const PredictWindows& predict, const SlidingOptions& options, std::int64_t outputs, c10::Device home)
      : predict_(predict), device_(options.device.value_or(home)), home_(home), outputs_(outputs) {
    axes_.emplace_back();
    for (std::int64_t axis = 0; axis < 3; ++axis) {
      if (!options.mirror[static_cast<std::size_t>(axis)]) continue;
      const std::size_t until = axes_.size();
      for (std::size_t i = 0; i < until; ++i) {
        axes_.push_back(axes_[i]);
        axes_.back().push_back(axis + 2);
      }
    }
  }

  at::Tensor operator()(const at::Tensor& windows) const {
    const at::Tensor there = windows.to(device_);
    at::Tensor mean;
    for (std::size_t i = 0; i < axes_.size(); ++i) {
      at::Tensor one = predict_(axes_[i].empty() ? there : there.flip(axes_[i]));
      GADOLIN_CHECK(one.dim() == 5 && one.size(0) == windows.size(0) && one.size(1) == outputs_ &&
                    one.sizes().slice(2) == windows.sizes().slice(2));
      one = one.to(at::kFloat);
      if (!axes_[i].empty()) one = one.flip(axes_[i]);
      mean = i == 0 ? one : mean.lerp(one, 1.0 / static_cast<double>(i + 1));
    }
    return mean.to(home_);
  }

 private:
  const PredictWindows& predict_;
  c10::Device device_, home_;
  std::int64_t outputs_;
  std::vector<std::vector<std::int64_t>> axes_;  // of each mirroring
};

// The running means of the slices that windows may still change.
class Slab {
 public:
  Slab(std::int64_t outputs, const Size& window, const Size& size, const at::TensorOptions& options)
      : window_(window),
        weights_(weights_of(window, options)),
        mean_(at::zeros({outputs, window[0], size[1], size[2]}, options)),
        sum_(at::zeros({window[0], size[1], size[2]}, options)) {}

  // Windows of this slab lie at depth 0 of it.
  void add(const at::Tensor& prediction, const Place& place) {
    at::Tensor sum = sum_.narrow(1, place.h, window_[1]).narrow(2, place.w, window_[2]);
    at::Tensor mean = mean_.narrow(2, place.h, window_[1]).narrow(3, place.w, window_[2]);
    sum.add_(weights_);
    mean.lerp_(prediction, (weights_ / sum).unsqueeze(0).expand_as(prediction));
  }

  at::Tensor first(std::int64_t slices) const { return mean_.narrow(1, 0, slices); }

  void move_on(std::int64_t slices) {
    const std::int64_t kept = window_[0] - slices;
    if (kept > 0) {
      mean_.narrow(1, 0, kept).copy_(mean_.narrow(1, slices, kept).clone());
      sum_.narrow(0, 0, kept).copy_(sum_.narrow(0, slices, kept).clone());
    }
    mean_.narrow(1, std::max<std::int64_t>(kept, 0), std::min(slices, window_[0])).zero_();
    sum_.narrow(0, std::max<std::int64_t>(kept, 0), std::min(slices, window_[0])).zero_();
  }

 private:
  Size window_;
  at::Tensor weights_, mean_, sum_;
};

struct Padding {
  std::array<std::int64_t, 3> before{}, after{};
};

Padding padding_of(const at::Tensor& image, const Size& window) {
  Padding padding;
  for (std::size_t a = 0; a < 3; ++a) {
    const std::int64_t lacking = std::max<std::int64_t>(0, window[a] - image.size(static_cast<std::int64_t>(a) + 1));
    padding.before[a] = lacking / 2;
    padding.after[a] = lacking - lacking / 2;
  }
  return padding;
}

at::Tensor padded(const at::Tensor& image, const Padding& p) {
  if (p.after == Size{}) return image;
  return at::constant_pad_nd(image, {p.before[2], p.after[2], p.before[1], p.after[1], p.before[0], p.after[0]}, 0);
}

void check_request(const at::Tensor& image, const Size& window, std::int64_t outputs, const SlidingOptions& options) {
  GADOLIN_CHECK(image.dim() == 4 && image.numel() > 0 && outputs > 0 && options.batch > 0);
  for (const std::int64_t side : window) GADOLIN_CHECK(side > 0);
  if (!(options.overlap >= 0 && options.overlap < 1)) {
    throw core::usage_error("an overlap of " + std::to_string(options.overlap) + " is not possible",
                            "the share of a window that its neighbour covers is at least 0 and below 1");
  }
}

}  // namespace

std::vector<std::int64_t> window_starts(std::int64_t size, std::int64_t window, double overlap) {
  if (size <= window) return {0};
  const std::int64_t step = std::max<std::int64_t>(
      1, static_cast<std::int64_t>(std::floor(static_cast<double>(window) * (1 - overlap) + 1e-9)));
  const std::int64_t last = size - window, gaps = (last + step - 1) / step;
  std::vector<std::int64_t> starts;
  for (std::int64_t i = 0; i <= gaps; ++i) starts.push_back((last * i * 2 + gaps) / (gaps * 2));  // evenly, rounded
  return starts;
}

void sliding_window_slabs(const at::Tensor& image, const std::array<std::int64_t, 3>& window, std::int64_t outputs,
                          const PredictWindows& predict, const SlidingOptions& options,
                          const std::function<void(std::int64_t, const at::Tensor&)>& take) {
  check_request(image, window, outputs, options);
  const at::NoGradGuard no_gradients;
  const Padding padding = padding_of(image, window);
  const at::Tensor whole = padded(image.to(at::kFloat), padding);
  const Size size{whole.size(1), whole.size(2), whole.size(3)};
  const Predictor predictor(predict, options, outputs, image.device());
  Slab slab(outputs, window, size, whole.options());
  const auto depths = window_starts(size[0], window[0], options.overlap);
  std::vector<Place> places;  // of one slab
  for (const std::int64_t h : window_starts(size[1], window[1], options.overlap))
    for (const std::int64_t w : window_starts(size[2], window[2], options.overlap)) places.push_back({0, h, w});
  const std::int64_t slab_windows = static_cast<std::int64_t>(places.size()),
                     all = slab_windows * static_cast<std::int64_t>(depths.size());
  for (std::size_t i = 0; i < depths.size(); ++i) {
    for (std::int64_t begin = 0; begin < slab_windows; begin += options.batch) {
      const std::int64_t end = std::min(slab_windows, begin + options.batch);
      std::vector<at::Tensor> windows;
      for (std::int64_t n = begin; n < end; ++n) {
        const Place& place = places[static_cast<std::size_t>(n)];
        windows.push_back(
            whole.narrow(1, depths[i], window[0]).narrow(2, place.h, window[1]).narrow(3, place.w, window[2]));
      }
      const at::Tensor prediction = predictor(at::stack(windows));
      for (std::int64_t n = begin; n < end; ++n) slab.add(prediction[n - begin], places[static_cast<std::size_t>(n)]);
      if (options.watch) options.watch(static_cast<std::int64_t>(i) * slab_windows + end, all);
    }
    // Slices before the next slab are final; those of the padding belong to nobody.
    const std::int64_t next = i + 1 < depths.size() ? depths[i + 1] : depths[i] + window[0];
    const std::int64_t skip = i == 0 ? padding.before[0] : 0;
    const std::int64_t final_slices = std::min(next - depths[i], size[0] - padding.after[0] - depths[i]) - skip;
    take(depths[i] + skip - padding.before[0], slab.first(next - depths[i])
                                                   .narrow(1, skip, final_slices)
                                                   .narrow(2, padding.before[1], image.size(2))
                                                   .narrow(3, padding.before[2], image.size(3)));
    slab.move_on(next - depths[i]);
  }
}

at::Tensor sliding_window(const at::Tensor& image, const std::array<std::int64_t, 3>& window, std::int64_t outputs,
                          const PredictWindows& predict, const SlidingOptions& options) {
  at::Tensor result =
      at::empty({outputs, image.size(1), image.size(2), image.size(3)}, image.options().dtype(at::kFloat));
  sliding_window_slabs(image, window, outputs, predict, options, [&](std::int64_t first, const at::Tensor& slices) {
    result.narrow(1, first, slices.size(1)).copy_(slices);
  });
  return result;
}

volume::Volume label_map_of(const at::Tensor& probabilities, const volume::Geometry& geometry) {
  GADOLIN_CHECK(probabilities.dim() == 4 && probabilities.size(0) <= 65536);
  const volume::Shape shape{probabilities.size(1), probabilities.size(2), probabilities.size(3)};
  const bool small = probabilities.size(0) <= 256;
  volume::Volume map(shape, small ? volume::VoxelType::kUInt8 : volume::VoxelType::kUInt16, geometry);
  const at::Tensor classes = at::argmax(probabilities, 0).to(at::kCPU).contiguous();
  const std::int64_t* from = classes.const_data_ptr<std::int64_t>();
  const std::size_t count = static_cast<std::size_t>(shape.voxels());
  if (small) {
    std::transform(from, from + count, map.voxels<std::uint8_t>().begin(),
                   [](auto c) { return static_cast<std::uint8_t>(c); });
  } else {
    std::transform(from, from + count, map.voxels<std::uint16_t>().begin(),
                   [](auto c) { return static_cast<std::uint16_t>(c); });
  }
  return map;
}

}  // namespace evaluate
