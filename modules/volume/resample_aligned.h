#pragma once
// Resampling between grids whose axes run the same way, row by row (rows.h): every row of the target is a sum of source
// rows, taken apart along the row afterwards. resample.h is what others call.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "volume/one_axis.h"

namespace volume {

// One axis of the target: where each of its samples comes from, and which lie inside of the source: [begin, end).
struct AxisPlan {
  std::vector<Taps> taps;
  std::int64_t begin = 0, end = 0;
};

// `source` are samples (linear taps) or spline coefficients (cubic ones) of a picture of `shape`; `target` has a voxel
// for each combination of taps, in the order of axes d, h, w. Sums are of float, stored as store_row() does.
template <class S, class T>
void resample_aligned(std::span<const S> source, const Shape& shape, const std::array<AxisPlan, 3>& axes, T outside,
                      std::span<T> target, int threads);

}  // namespace volume
