#include "io/dicom_tilt.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "io/format.h"

namespace io {
namespace {

constexpr double kAirHu = -1000;
constexpr double kNoShift = 0.01;  // of a voxel over the whole stack

// Along one axis: where the grid begins in the first slice, and how many voxels it has.
struct Reach {
  double shift = 0;  // of each slice
  std::int64_t begin = 0, count = 0;
};

Reach reach_of(double shift, std::int64_t count, std::int64_t slices) {
  const double last = shift * static_cast<double>(slices - 1);
  if (std::abs(last) < kNoShift) return {0, 0, count};
  const auto begin = static_cast<std::int64_t>(std::floor(std::min(last, 0.0)));
  const auto end = count + static_cast<std::int64_t>(std::ceil(std::max(last, 0.0)));
  return {shift, begin, end - begin};
}

// Source index of a target index in slice k: a whole part and a fraction.
struct Step {
  std::int64_t whole = 0;
  double fraction = 0;
};

Step step_of(const Reach& reach, std::int64_t slice) {
  const double at = static_cast<double>(reach.begin) - reach.shift * static_cast<double>(slice);
  const double whole = std::floor(at);
  return {static_cast<std::int64_t>(whole), at - whole};
}

template <class T>
T as_voxel(double value) {
  if constexpr (std::is_floating_point_v<T>) {
    return static_cast<T>(value);
  } else {
    return static_cast<T>(std::llround(value));
  }
}

template <class T>
void move_slice(std::span<const T> source, const volume::Shape& from, std::span<T> target, const volume::Shape& to,
                const Step& rows, const Step& columns, double outside) {
  const auto value = [&](std::int64_t row, std::int64_t column) {
    if (row < 0 || column < 0 || row >= from.height || column >= from.width) return outside;
    return static_cast<double>(source[static_cast<std::size_t>(row * from.width + column)]);
  };
  const auto in_row = [&](std::int64_t row, std::int64_t column) {
    const double left = value(row, column);
    return columns.fraction == 0 ? left : left + columns.fraction * (value(row, column + 1) - left);
  };
  for (std::int64_t i = 0; i < to.height; ++i) {
    for (std::int64_t j = 0; j < to.width; ++j) {
      const std::int64_t row = i + rows.whole, column = j + columns.whole;
      const double above = in_row(row, column);
      const double mixed = rows.fraction == 0 ? above : above + rows.fraction * (in_row(row + 1, column) - above);
      target[static_cast<std::size_t>(i * to.width + j)] = as_voxel<T>(mixed);
    }
  }
}

}  // namespace

volume::Volume straightened(const volume::Volume& tilted, const Shear& shear, double outside) {
  const volume::Shape from = tilted.shape();
  const Reach rows = reach_of(shear.rows, from.height, from.depth),
              columns = reach_of(shear.columns, from.width, from.depth);
  const volume::Shape to{from.depth, rows.count, columns.count};
  checked_size(to, tilted.type(), "IMAGE_PIXEL");
  volume::Geometry geometry = tilted.geometry;
  geometry.origin_mm = tilted.geometry.world({0, static_cast<double>(rows.begin), static_cast<double>(columns.begin)});
  volume::Volume straight(to, tilted.type(), geometry);
  straight.scale = tilted.scale;
  straight.offset = tilted.offset;
  const auto size = static_cast<std::size_t>(from.height * from.width),
             grown = static_cast<std::size_t>(to.height * to.width);
  volume::with_type(tilted.type(), [&]<class T>(T) {
    for (std::int64_t k = 0; k < from.depth; ++k) {
      const auto at = static_cast<std::size_t>(k);
      move_slice<T>(tilted.voxels<T>().subspan(at * size, size), from, straight.voxels<T>().subspan(at * grown, grown),
                    to, step_of(rows, k), step_of(columns, k), outside);
    }
  });
  return straight;
}

double outside_value(const volume::Volume& volume, bool hounsfield) {
  return volume::with_type(volume.type(), [&]<class T>(T) {
    const double air = (kAirHu - volume.offset) / volume.scale;
    const bool fits = air >= static_cast<double>(std::numeric_limits<T>::lowest()) &&
                      air <= static_cast<double>(std::numeric_limits<T>::max());
    if (hounsfield && fits) return air;
    const auto voxels = volume.voxels<T>();
    return static_cast<double>(*std::min_element(voxels.begin(), voxels.end()));
  });
}

}  // namespace io
