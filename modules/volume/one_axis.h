#pragma once
// What resampling does along one axis at a time: weights, B-spline coefficients, smoothing.
//
// Arrays are seen as [outer, size, inner] in C order, the middle one being the axis in hand. Positions are in voxels of
// that axis, whole numbers are voxel centres. Real is float or double. Pure apart from the span handed in; `threads` as
// in core::parallel_for. Cubic B-splines: M. Unser, "Splines: a perfect fit for signal and image processing", IEEE
// Signal Processing Magazine 16(6), 1999, with mirrored ends.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "volume/geometry.h"

namespace volume {

struct AxisView {
  std::int64_t outer = 1, size = 1, inner = 1;
};
AxisView axis_view(const Shape& shape, int axis);

// Where one new sample comes from: `count` old samples and their weights, which sum to 1.
struct Taps {
  std::array<std::int64_t, 4> index{};
  std::array<double, 4> weight{};
  int count = 0;
};

// Positions beyond the outermost voxel centres hold the edge's value.
Taps linear_taps(double position, std::int64_t size);
Taps cubic_taps(double position, std::int64_t size);  // for spline coefficients, not for samples

// Samples become cubic B-spline coefficients in place; a single sample stays as it is.
template <class Real>
void to_spline_coefficients(std::span<Real> values, const AxisView& view, int threads);

// Gaussian of `sigma` voxels, cut at 4 sigma, edges held; sigma <= 0 returns the values.
template <class Real>
std::vector<Real> smoothed(std::vector<Real> values, const AxisView& view, double sigma, int threads);

// [outer, size, inner] -> [outer, taps.size(), inner].
template <class Real>
std::vector<Real> interpolated(std::span<const Real> values, const AxisView& view, std::span<const Taps> taps,
                               int threads);

}  // namespace volume
