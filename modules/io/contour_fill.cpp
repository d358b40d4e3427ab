#include "io/contour_fill.h"

#include <algorithm>
#include <cmath>

namespace io {
namespace {

struct Range {
  std::int64_t first, last;
};

// The whole numbers from low to high that are places of a row or column.
Range places(double low, double high, std::int64_t size) {
  const double most = static_cast<double>(size - 1);
  return {static_cast<std::int64_t>(std::ceil(std::clamp(low, 0.0, most + 1))),
          static_cast<std::int64_t>(std::floor(std::clamp(high, -1.0, most)))};
}

double distance(const ContourFill::Point& point, const ContourFill::Point& from, const ContourFill::Point& to) {
  const double down = to[0] - from[0], right = to[1] - from[1], length = down * down + right * right;
  const double along = (point[0] - from[0]) * down + (point[1] - from[1]) * right;
  const double part = length > 0 ? std::clamp(along / length, 0.0, 1.0) : 0;
  return std::hypot(from[0] + part * down - point[0], from[1] + part * right - point[1]);
}

}  // namespace

void ContourFill::add(std::span<const Point> contour) {
  for (std::size_t i = 0; i < contour.size(); ++i) {
    const auto [from, to] = std::minmax(contour[i], contour[(i + 1) % contour.size()]);
    if (from != to) lines_.emplace_back(from, to);
  }
}

// A centre on the line's upper end counts, on its lower end not: of two lines that meet there one crosses.
void ContourFill::cross(const Line& line, std::vector<std::uint8_t>& crossed) const {
  const auto& [upper, lower] = line;
  const double slope = (lower[1] - upper[1]) / (lower[0] - upper[0]);  // infinite where no row is crossed
  for (std::int64_t row = places(upper[0], lower[0], rows_).first; row < rows_; ++row) {
    const double at = static_cast<double>(row);
    if (at >= lower[0]) break;
    const double next = std::ceil(upper[1] + (at - upper[0]) * slope);
    const auto column = static_cast<std::int64_t>(std::clamp(next, 0.0, static_cast<double>(columns_)));
    if (column < columns_) crossed[static_cast<std::size_t>(row * columns_ + column)] ^= 1;
  }
}

void ContourFill::touch(const Line& line, std::vector<std::uint8_t>& mask) const {
  const Point &upper = line.first, &lower = line.second;
  const double height = lower[0] - upper[0], right = lower[1] - upper[1];
  const Range rows = places(upper[0] - kOnLineVoxels, lower[0] + kOnLineVoxels, rows_);
  for (std::int64_t row = rows.first; row <= rows.last; ++row) {
    // The part of the line that lies near this row.
    const auto part = [&](double off) {
      const double at = height > 0 ? (static_cast<double>(row) + off - upper[0]) / height : off < 0 ? 0 : 1;
      return upper[1] + std::clamp(at, 0.0, 1.0) * right;
    };
    const double one = part(-kOnLineVoxels), other = part(kOnLineVoxels);
    const Range columns = places(std::min(one, other) - kOnLineVoxels, std::max(one, other) + kOnLineVoxels, columns_);
    for (std::int64_t column = columns.first; column <= columns.last; ++column) {
      if (distance({static_cast<double>(row), static_cast<double>(column)}, upper, lower) <= kOnLineVoxels)
        mask[static_cast<std::size_t>(row * columns_ + column)] = 1;
    }
  }
}

void ContourFill::paint(std::vector<std::uint8_t>& mask) {
  std::sort(lines_.begin(), lines_.end());
  std::vector<std::uint8_t> crossed(mask.size());
  for (std::size_t i = 0; i < lines_.size();) {
    std::size_t end = i + 1;
    while (end < lines_.size() && lines_[end] == lines_[i]) ++end;
    if ((end - i) % 2 == 1) {
      cross(lines_[i], crossed);
      touch(lines_[i], mask);
    }
    i = end;
  }
  for (std::int64_t row = 0; row < rows_; ++row) {
    std::uint8_t inside = 0;
    for (std::int64_t column = 0; column < columns_; ++column) {
      const auto at = static_cast<std::size_t>(row * columns_ + column);
      inside ^= crossed[at];
      mask[at] |= inside;
    }
  }
  lines_.clear();
}

}  // namespace io
