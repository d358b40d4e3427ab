#pragma once
// Arithmetic on rows of voxels with the widest vectors the processor has (Google Highway, chosen when the program
// runs). Products and sums are rounded one by one, so every processor gives the same bits. Pure; nothing is checked.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace volume {

// out[i] = sum over k of weight[k] * rows[k][i]. T: (u)int8, (u)int16, float. At least one row.
template <class T>
void sum_rows(std::span<const T* const> rows, std::span<const float> weights, std::size_t size, float* out);

// What each new sample of a row is made of: index[k][i] and weight[k][i] for k < count.
struct RowTaps {
  int count = 0;  // 1, 2 or 4
  std::vector<std::int32_t> index[4];
  std::vector<float> weight[4];
};

// out[i] = sum over k of weight[k][i] * row[index[k][i]], for i in [begin, end).
void take_taps(const float* row, const RowTaps& taps, std::size_t begin, std::size_t end, float* out);

// Rounded to the nearest (even of two) and held within the range of T; NaN becomes the lowest. float: copied.
template <class T>
void store_row(const float* row, std::size_t size, T* out);

// Lines of `size` samples, `stride` apart, `width` of them side by side: samples become cubic B-spline coefficients in
// place (one_axis.h). `start` are the weights that begin the recursion.
void spline_lines(float* lines, std::size_t size, std::size_t stride, std::size_t width, std::span<const double> start);

}  // namespace volume
