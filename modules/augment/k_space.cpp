#include "augment/k_space.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/error.h"

namespace augment {

AxisFilter keeping_lines(std::int64_t extent, std::span<const double> kept) {
  GADOLIN_CHECK(extent > 0 && kept.size() == static_cast<std::size_t>(extent / 2 + 1));
  const auto size = static_cast<std::size_t>(extent);
  std::vector<double> turn(size);
  for (std::size_t i = 0; i < size; ++i) {
    turn[i] = std::cos(2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(extent));
  }
  std::vector<float> of_shift(size);
  for (std::size_t shift = 0; shift < size; ++shift) {
    double sum = 0;
    for (std::size_t k = 0; k < size; ++k) sum += kept[std::min(k, size - k)] * turn[k * shift % size];
    of_shift[shift] = static_cast<float>(sum / static_cast<double>(extent));
  }
  AxisFilter filter{std::vector<std::int64_t>(size), std::vector(size, std::vector<float>(size))};
  for (std::size_t to = 0; to < size; ++to) {
    for (std::size_t from = 0; from < size; ++from) filter.weights[to][from] = of_shift[(to + size - from) % size];
  }
  return filter;
}

int draw_line_axis(core::Rng& rng, const volume::Frame& frame, const volume::Shape& view) {
  constexpr double kSlices = 3;
  const double finest = *std::min_element(frame.spacing_mm.begin(), frame.spacing_mm.end());
  std::vector<int> axes;
  for (int a = 0; a < 3; ++a) {
    if (view[a] > 1 && frame.spacing_mm[a] <= kSlices * finest) axes.push_back(a);
  }
  return axes.empty() ? static_cast<int>(rng.below(3)) : axes[rng.below(axes.size())];
}

int line_axis_at(const Drawn& drawn, std::size_t position) {
  const double axis = drawn.values.at(position);
  drawn.require(axis == 0 || axis == 1 || axis == 2, "axis");
  return static_cast<int>(axis);
}

}  // namespace augment
