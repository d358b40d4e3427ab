#include "io/contour_fill.h"

#include <algorithm>
#include <cmath>

namespace io {

void ContourFill::add(std::span<const std::array<double, 2>> contour) {
  if (crossed_.empty()) crossed_.resize(static_cast<std::size_t>(rows_ * (columns_ + 1)));
  for (std::size_t i = 0; i < contour.size(); ++i) {
    // From the upper end to the lower, so that a line there and back crosses at the same places.
    std::array<double, 2> upper = contour[i], lower = contour[(i + 1) % contour.size()];
    if (upper > lower) std::swap(upper, lower);
    const auto first = static_cast<std::int64_t>(std::max(0.0, std::ceil(upper[0])));
    const double slope = (lower[1] - upper[1]) / (lower[0] - upper[0]);  // not used where it is infinite
    for (std::int64_t row = first; row < rows_ && static_cast<double>(row) < lower[0]; ++row) {
      const double column = upper[1] + (static_cast<double>(row) - upper[0]) * slope;
      const double next = std::clamp(std::ceil(column), 0.0, static_cast<double>(columns_));
      crossed_[static_cast<std::size_t>(row * (columns_ + 1)) + static_cast<std::size_t>(next)] ^= 1;
    }
  }
}

void ContourFill::paint(std::vector<std::uint8_t>& mask) {
  if (crossed_.empty()) return;
  for (std::int64_t row = 0; row < rows_; ++row) {
    std::uint8_t inside = 0;
    for (std::int64_t column = 0; column < columns_; ++column) {
      inside ^= crossed_[static_cast<std::size_t>(row * (columns_ + 1) + column)];
      mask[static_cast<std::size_t>(row * columns_ + column)] |= inside;
    }
  }
  std::fill(crossed_.begin(), crossed_.end(), std::uint8_t{0});
}

}  // namespace io
