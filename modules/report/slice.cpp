#include "report/slice.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace report {
namespace {

// Where the pixels of one side of a tile fall between the voxels of an axis.
struct Tap {
  std::int64_t near, first, second;
  double weight;  // of `second`
};

std::vector<Tap> taps(std::int64_t pixels, std::int64_t voxels, bool backwards) {
  std::vector<Tap> all(static_cast<std::size_t>(pixels));
  for (std::int64_t i = 0; i < pixels; ++i) {
    const double share = (static_cast<double>(i) + 0.5) / static_cast<double>(pixels);
    const double at = (backwards ? 1.0 - share : share) * static_cast<double>(voxels) - 0.5;
    const double inside = std::clamp(at, 0.0, static_cast<double>(voxels - 1));
    const auto first = static_cast<std::int64_t>(inside);
    all[static_cast<std::size_t>(i)] = {std::llround(inside), first, std::min(first + 1, voxels - 1),
                                        inside - static_cast<double>(first)};
  }
  return all;
}

std::int64_t pixels_of(double extent_mm, double pixels_per_mm) {
  return std::max<std::int64_t>(1, std::llround(extent_mm * pixels_per_mm));
}

std::uint8_t grey(double value, const Window& window) {
  if (!(value > window.low)) return 0;  // NaN is black
  return static_cast<std::uint8_t>(
      std::lround(255.0 * std::min(1.0, (value - window.low) / (window.high - window.low))));
}

std::vector<std::int64_t> labels_of_tile(const Picture& tile, const SliceView& labels, const PlaneAxes& axes,
                                         std::int64_t slice) {
  const std::vector<Tap> rows = taps(tile.height, labels.size(axes.row), axes.row_backwards);
  const std::vector<Tap> columns = taps(tile.width, labels.size(axes.column), false);
  std::vector<std::int64_t> shown;
  shown.reserve(static_cast<std::size_t>(tile.width * tile.height));
  std::array<std::int64_t, 3> index{};
  index[static_cast<std::size_t>(axes.across)] = slice;
  for (const Tap& row : rows) {
    index[static_cast<std::size_t>(axes.row)] = row.near;
    for (const Tap& column : columns) {
      index[static_cast<std::size_t>(axes.column)] = column.near;
      shown.push_back(labels.label(index));
    }
  }
  return shown;
}

}  // namespace

std::string_view name(Plane plane) {
  return plane == Plane::kAxial ? "axial" : plane == Plane::kCoronal ? "coronal" : "sagittal";
}

Window window_by_percentiles(const volume::Volume& image, double low, double high) {
  std::vector<double> values;
  volume::with_type(image.type(), [&](auto kind) {
    const auto voxels = image.voxels<decltype(kind)>();
    // An odd step does not fall into the rhythm of rows whose length is a power of two.
    const std::size_t step = (voxels.size() / 200'000) | 1;
    for (std::size_t i = 0; i < voxels.size(); i += step) {
      const double value = static_cast<double>(voxels[i]) * image.scale + image.offset;
      if (std::isfinite(value)) values.push_back(value);
    }
  });
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const auto at = [&](double percent) {
    return values[static_cast<std::size_t>(std::llround(percent / 100 * static_cast<double>(values.size() - 1)))];
  };
  Window window{at(low), at(high)};
  // Few voxels of a mask or of a lesion may be all there is to see.
  if (window.low == window.high) window = {values.front(), values.back()};
  if (window.low == window.high) window = {window.low - 0.5, window.low + 0.5};
  return window;
}

SliceView::SliceView(const volume::Volume& volume) : volume_(volume) {
  const volume::Turn turn = volume::turn_towards(volume.geometry, "SPL");
  const volume::Shape& shape = volume.shape();
  const std::array<std::int64_t, 3> stride{shape.height * shape.width, shape.width, 1};
  shape_ = volume::turned(shape, turn);
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const int old = turn.from[axis];
    spacing_mm_[axis] = volume.geometry.spacing_mm[static_cast<std::size_t>(old)];
    step_[axis] = stride[static_cast<std::size_t>(old)] * (turn.flipped[axis] ? -1 : 1);
    if (turn.flipped[axis]) base_ += stride[static_cast<std::size_t>(old)] * (shape[old] - 1);
  }
}

std::int64_t SliceView::offset(const std::array<std::int64_t, 3>& index) const {
  return base_ + index[0] * step_[0] + index[1] * step_[1] + index[2] * step_[2];
}

double SliceView::value(const std::array<std::int64_t, 3>& index) const {
  const auto at = static_cast<std::size_t>(offset(index));
  return volume::with_type(volume_.type(), [&](auto kind) {
    return static_cast<double>(volume_.voxels<decltype(kind)>()[at]) * volume_.scale + volume_.offset;
  });
}

std::int64_t SliceView::label(const std::array<std::int64_t, 3>& index) const {
  const double value = this->value(index);
  return value >= 0.5 ? std::llround(value) : 0;
}

PlaneAxes axes_of(Plane plane) {
  switch (plane) {
    case Plane::kAxial:
      return {0, 2, 1, false, "R", "L", "A", "P"};
    case Plane::kCoronal:
      return {1, 2, 0, true, "R", "L", "S", "I"};
    case Plane::kSagittal:
      break;
  }
  return {2, 1, 0, true, "A", "P", "S", "I"};
}

Picture draw_slice(const SliceView& image, Plane plane, std::int64_t slice, const Window& window,
                   double pixels_per_mm) {
  const PlaneAxes axes = axes_of(plane);
  Picture tile(pixels_of(image.extent_mm(axes.column), pixels_per_mm),
               pixels_of(image.extent_mm(axes.row), pixels_per_mm), 3);
  const std::vector<Tap> rows = taps(tile.height, image.size(axes.row), axes.row_backwards);
  const std::vector<Tap> columns = taps(tile.width, image.size(axes.column), false);
  std::array<std::int64_t, 3> index{};
  index[static_cast<std::size_t>(axes.across)] = slice;
  const auto value = [&](std::int64_t row, std::int64_t column) {
    index[static_cast<std::size_t>(axes.row)] = row;
    index[static_cast<std::size_t>(axes.column)] = column;
    return image.value(index);
  };
  for (std::int64_t y = 0; y < tile.height; ++y) {
    const Tap& row = rows[static_cast<std::size_t>(y)];
    for (std::int64_t x = 0; x < tile.width; ++x) {
      const Tap& column = columns[static_cast<std::size_t>(x)];
      const double upper = std::lerp(value(row.first, column.first), value(row.first, column.second), column.weight);
      const double lower = std::lerp(value(row.second, column.first), value(row.second, column.second), column.weight);
      const std::uint8_t shade = grey(std::lerp(upper, lower, row.weight), window);
      std::fill_n(tile.pixel(x, y), 3, shade);
    }
  }
  return tile;
}

void draw_labels(Picture& tile, const SliceView& labels, Plane plane, std::int64_t slice, double opacity) {
  const std::vector<std::int64_t> shown = labels_of_tile(tile, labels, axes_of(plane), slice);
  const auto at = [&](std::int64_t x, std::int64_t y) {
    return x < 0 || y < 0 || x >= tile.width || y >= tile.height ? 0
                                                                 : shown[static_cast<std::size_t>(y * tile.width + x)];
  };
  for (std::int64_t y = 0; y < tile.height; ++y) {
    for (std::int64_t x = 0; x < tile.width; ++x) {
      const std::int64_t label = at(x, y);
      if (label == 0) continue;
      const bool edge =
          at(x - 1, y) != label || at(x + 1, y) != label || at(x, y - 1) != label || at(x, y + 1) != label;
      blend(tile, x, y, class_colour(label), edge ? 1.0 : opacity);
    }
  }
}

}  // namespace report
