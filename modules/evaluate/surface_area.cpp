// The area of a surface element for each way in which the eight corners of a cell can be inside.
#include <bit>
#include <cmath>
#include <cstddef>

#include "evaluate/surface.h"

namespace evaluate {
namespace {

// A point half-way along an edge is named by its two corners, the lower first.
constexpr int kNone = -1;
int edge_between(int a, int b) { return a < b ? a * 8 + b : b * 8 + a; }

// For each cut edge the two edges it is joined with, one through each face beside it.
struct Joins {
  std::array<std::array<int, 2>, 64> partner;
  Joins() {
    for (auto& p : partner) p.fill(kNone);
  }
  void join(int a, int b) {
    (partner[static_cast<std::size_t>(a)][0] == kNone ? partner[static_cast<std::size_t>(a)][0]
                                                      : partner[static_cast<std::size_t>(a)][1]) = b;
    (partner[static_cast<std::size_t>(b)][0] == kNone ? partner[static_cast<std::size_t>(b)][0]
                                                      : partner[static_cast<std::size_t>(b)][1]) = a;
  }
};

bool inside(unsigned corners, int corner) { return (corners >> corner & 1U) != 0; }

// The lines in which the surface meets one face, whose corners go round in order. Where two diagonal corners are inside
// they are kept apart.
void join_on_face(unsigned corners, const std::array<int, 4>& face, Joins& joins) {
  std::vector<int> cut;
  for (std::size_t i = 0; i < 4; ++i) {
    const int a = face[i], b = face[(i + 1) % 4];
    if (inside(corners, a) != inside(corners, b)) cut.push_back(edge_between(a, b));
  }
  if (cut.size() == 2) joins.join(cut[0], cut[1]);
  if (cut.size() != 4) return;
  for (std::size_t i = 0; i < 4; ++i) {
    if (!inside(corners, face[i])) continue;
    joins.join(edge_between(face[i], face[(i + 1) % 4]), edge_between(face[i], face[(i + 3) % 4]));
  }
}

Joins joins_of(unsigned corners) {
  Joins joins;
  for (int axis = 0; axis < 3; ++axis) {
    const int u = 1 << (axis + 1) % 3, v = 1 << (axis + 2) % 3;
    for (const int base : {0, 1 << axis}) join_on_face(corners, {base, base + u, base + u + v, base + v}, joins);
  }
  return joins;
}

using Vector = std::array<double, 3>;

Vector middle(int edge, const std::array<double, 3>& spacing) {
  const int a = edge / 8, b = edge % 8;
  Vector point{};
  for (int axis = 0; axis < 3; ++axis) {  // bit 4 = d, 2 = h, 1 = w
    const int bit = 4 >> axis;
    const double ends = ((a & bit) != 0 ? 1.0 : 0.0) + ((b & bit) != 0 ? 1.0 : 0.0);
    point[static_cast<std::size_t>(axis)] = ends / 2 * spacing[static_cast<std::size_t>(axis)];
  }
  return point;
}

double triangle_area(const Vector& a, const Vector& b, const Vector& c) {
  const Vector u{b[0] - a[0], b[1] - a[1], b[2] - a[2]}, v{c[0] - a[0], c[1] - a[1], c[2] - a[2]};
  return std::hypot(u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]) / 2;
}

// Triangles from the polygon's centre, so that no diagonal is preferred.
double polygon_area(const std::vector<Vector>& polygon) {
  Vector centre{};
  for (const Vector& p : polygon)
    for (std::size_t i = 0; i < 3; ++i) centre[i] += p[i] / static_cast<double>(polygon.size());
  double area = 0;
  for (std::size_t i = 0; i < polygon.size(); ++i)
    area += triangle_area(centre, polygon[i], polygon[(i + 1) % polygon.size()]);
  return area;
}

double area_of(unsigned corners, const std::array<double, 3>& spacing) {
  const Joins joins = joins_of(corners);
  std::array<bool, 64> used{};
  double area = 0;
  for (int start = 0; start < 64; ++start) {
    if (joins.partner[static_cast<std::size_t>(start)][0] == kNone || used[static_cast<std::size_t>(start)]) continue;
    std::vector<Vector> polygon;
    int edge = start;
    while (edge != kNone) {
      used[static_cast<std::size_t>(edge)] = true;
      polygon.push_back(middle(edge, spacing));
      int next = kNone;
      for (const int partner : joins.partner[static_cast<std::size_t>(edge)])
        if (!used[static_cast<std::size_t>(partner)]) next = partner;
      edge = next;
    }
    area += polygon_area(polygon);
  }
  return area;
}

}  // namespace

std::array<double, 256> element_areas(const std::array<double, 3>& spacing_mm) {
  std::array<double, 256> areas{};
  // Inside and outside alike: where most corners are inside, the others are what is kept apart.
  for (unsigned corners = 0; corners < 256; ++corners)
    areas[corners] = area_of(std::popcount(corners) > 4 ? 255 - corners : corners, spacing_mm);
  return areas;
}

}  // namespace evaluate
