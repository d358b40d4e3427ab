#include "volume/geometry.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace volume {
namespace {

double dot(const Point& a, const Point& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

}  // namespace

Point Geometry::world(const Index& index) const {
  Point point = origin_mm;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    for (std::size_t c = 0; c < 3; ++c) point[c] += direction[axis][c] * spacing_mm[axis] * index[axis];
  }
  return point;
}

Index Geometry::index(const Point& world) const {
  const Point from_origin{world[0] - origin_mm[0], world[1] - origin_mm[1], world[2] - origin_mm[2]};
  Index index{};
  for (std::size_t axis = 0; axis < 3; ++axis) index[axis] = dot(direction[axis], from_origin) / spacing_mm[axis];
  return index;
}

void Geometry::check() const {
  for (const double s : spacing_mm) {
    if (!std::isfinite(s) || s <= 0) {
      throw core::Error("voxel spacing is " + std::to_string(s) + " mm",
                        "the header is damaged; export the image again");
    }
  }
  for (const double o : origin_mm) {
    if (!std::isfinite(o))
      throw core::Error("origin is not a finite number", "the header is damaged; export the image again");
  }
  for (std::size_t a = 0; a < 3; ++a) {
    for (std::size_t b = a; b < 3; ++b) {
      const double expected = a == b ? 1.0 : 0.0;
      if (!(std::abs(dot(direction[a], direction[b]) - expected) <= 1e-3)) {
        throw core::Error("direction cosines are not orthonormal",
                          "sheared or tilted grids must be resampled to a straight one first");
      }
    }
  }
}

bool same_place(const Geometry& a, const Geometry& b, const Shape& shape, double tolerance_mm) {
  for (int corner = 0; corner < 8; ++corner) {
    Index index{};
    for (int axis = 0; axis < 3; ++axis) {
      index[static_cast<std::size_t>(axis)] = (corner >> axis) & 1 ? static_cast<double>(shape[axis] - 1) : 0.0;
    }
    const Point p = a.world(index), q = b.world(index);
    if (!(std::hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]) <= tolerance_mm)) return false;
  }
  return true;
}

std::string orientation(const Geometry& geometry) {
  static constexpr char kTowards[3][2] = {{'L', 'R'}, {'P', 'A'}, {'S', 'I'}};
  std::string letters;
  for (const Point& axis : geometry.direction) {
    const auto largest =
        std::max_element(axis.begin(), axis.end(), [](double x, double y) { return std::abs(x) < std::abs(y); });
    letters += kTowards[largest - axis.begin()][*largest < 0 ? 1 : 0];
  }
  return letters;
}

}  // namespace volume
