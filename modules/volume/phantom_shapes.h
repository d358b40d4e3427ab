#pragma once
// Shapes as signed distances (negative inside, millimetres, near enough close to the surface), and smooth noise.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "core/rng.h"

namespace volume::phantom {

struct Vec {
  float x = 0, y = 0, z = 0;
  Vec operator+(const Vec& o) const { return {x + o.x, y + o.y, z + o.z}; }
  Vec operator-(const Vec& o) const { return {x - o.x, y - o.y, z - o.z}; }
  Vec operator*(float s) const { return {x * s, y * s, z * s}; }
};

inline float dot(const Vec& a, const Vec& b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
inline float length(const Vec& a) { return std::sqrt(dot(a, a)); }

inline float ellipsoid(const Vec& p, const Vec& radii) {
  const Vec u{p.x / radii.x, p.y / radii.y, p.z / radii.z};
  const float reach = length(u), steepness = length({u.x / radii.x, u.y / radii.y, u.z / radii.z});
  if (steepness < 1e-9f) return -std::min({radii.x, radii.y, radii.z});
  return reach * (reach - 1) / steepness;
}

inline float ellipse(float x, float y, float rx, float ry) {
  const float reach = std::hypot(x / rx, y / ry);
  return (reach - 1) * std::min(rx, ry);
}

inline float capsule(const Vec& p, const Vec& a, const Vec& b, float radius) {
  const Vec along = b - a;
  const float t = std::clamp(dot(p - a, along) / dot(along, along), 0.0f, 1.0f);
  return length(p - a - along * t) - radius;
}

// Union and difference with an edge rounded over about k mm.
inline float joined(float a, float b, float k) {
  const float h = std::max(k - std::abs(a - b), 0.0f) / k;
  return std::min(a, b) - h * h * k * 0.25f;
}
inline float without(float a, float b, float k) { return -joined(-a, b, k); }

// Smooth periodic noise without preferred axes, about -1..1, one bump or hollow per unit or two: white noise on a
// lattice, blurred by cubic B-splines, kept four times finer. Safe to share.
class Noise {
 public:
  explicit Noise(core::Rng rng);
  float operator()(const Vec& p) const {
    const float sx = p.x * kFiner, sy = p.y * kFiner, sz = p.z * kFiner;
    const float fx = std::floor(sx), fy = std::floor(sy), fz = std::floor(sz);
    const auto x = static_cast<std::int32_t>(fx), y = static_cast<std::int32_t>(fy), z = static_cast<std::int32_t>(fz);
    const auto row = [&](std::int32_t j, std::int32_t k) {
      const float* line = values_.data() + ((((z + k) & kMask) * kSide + ((y + j) & kMask)) * kSide);
      return line[x & kMask] + (sx - fx) * (line[(x + 1) & kMask] - line[x & kMask]);
    };
    const float low = row(0, 0) + (sy - fy) * (row(1, 0) - row(0, 0));
    const float high = row(0, 1) + (sy - fy) * (row(1, 1) - row(0, 1));
    return low + (sz - fz) * (high - low);
  }

 private:
  static constexpr std::int32_t kPeriod = 16, kFiner = 4, kSide = kPeriod * kFiner, kMask = kSide - 1;
  std::vector<float> values_;
};

}  // namespace volume::phantom
