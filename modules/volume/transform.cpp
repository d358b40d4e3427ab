#include "volume/transform.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"

namespace volume {

Index Transform::operator()(const Index& index) const {
  Index out{};
  for (int r = 0; r < 3; ++r) {
    out[r] = rows[r][0] * index[0] + rows[r][1] * index[1] + rows[r][2] * index[2] + rows[r][3];
  }
  return out;
}

Transform Transform::after(const Transform& first) const {
  Transform out;
  for (int r = 0; r < 3; ++r) {
    for (int c = 0; c < 4; ++c) {
      out.rows[r][c] = c == 3 ? rows[r][3] : 0.0;
      for (int k = 0; k < 3; ++k) out.rows[r][c] += rows[r][k] * first.rows[k][c];
    }
  }
  return out;
}

Transform Transform::inverse() const {
  const auto& m = rows;
  auto minor = [&m](int r, int c) {
    const int r1 = (r + 1) % 3, r2 = (r + 2) % 3, c1 = (c + 1) % 3, c2 = (c + 2) % 3;
    return m[r1][c1] * m[r2][c2] - m[r1][c2] * m[r2][c1];
  };
  const double determinant = m[0][0] * minor(0, 0) + m[0][1] * minor(0, 1) + m[0][2] * minor(0, 2);
  if (!(std::abs(determinant) > 1e-12)) throw core::Error("the transform is flat and has no inverse");
  Transform out;
  for (int r = 0; r < 3; ++r) {
    out.rows[r][3] = 0;
    for (int c = 0; c < 3; ++c) {
      out.rows[r][c] = minor(c, r) / determinant;
      out.rows[r][3] -= out.rows[r][c] * m[c][3];
    }
  }
  return out;
}

IndexBox box_of(const Transform& transform, const Shape& shape) {
  constexpr double kFar = std::numeric_limits<double>::infinity();
  IndexBox box{{kFar, kFar, kFar}, {-kFar, -kFar, -kFar}};
  for (int corner = 0; corner < 8; ++corner) {
    Index index{};
    for (int a = 0; a < 3; ++a) index[a] = (corner >> a) & 1 ? static_cast<double>(shape[a] - 1) : 0.0;
    const Index at = transform(index);
    for (int a = 0; a < 3; ++a) {
      box.low[a] = std::min(box.low[a], at[a]);
      box.high[a] = std::max(box.high[a], at[a]);
    }
  }
  return box;
}

}  // namespace volume
