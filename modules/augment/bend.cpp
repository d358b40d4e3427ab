#include "augment/bend.h"

#include <algorithm>

#include "core/error.h"
#include "core/rng.h"

namespace augment {

double Bend::cell(std::int64_t extent, std::int64_t cells) {
  return static_cast<double>(std::max<std::int64_t>(extent - 1, 1)) / static_cast<double>(cells);
}

std::vector<Bend::Knot> Bend::knots(std::int64_t extent, std::int64_t cells) {
  std::vector<Knot> knots(static_cast<std::size_t>(extent));
  for (std::int64_t i = 0; i < extent; ++i) {
    const double x = static_cast<double>(i) / cell(extent, cells);
    const std::int64_t first = std::min(static_cast<std::int64_t>(x), cells - 1);
    const double t = x - static_cast<double>(first), u = 1 - t;
    knots[static_cast<std::size_t>(i)] = {
        first,
        {static_cast<float>(u * u * u / 6), static_cast<float>((3 * t * t * t - 6 * t * t + 4) / 6),
         static_cast<float>((3 * u * u * u - 6 * u * u + 4) / 6), static_cast<float>(t * t * t / 6)}};
  }
  return knots;
}

Bend::Bend(const volume::Shape& view, std::int64_t cells, const std::array<double, 3>& amplitude, std::uint64_t seed)
    : points_(cells + 3) {
  GADOLIN_CHECK(cells > 0);
  for (int a = 0; a < 3; ++a) {
    knots_[a] = knots(view[a], cells);
    row_[a].resize(static_cast<std::size_t>(view.width));
  }
  control_.resize(static_cast<std::size_t>(points_ * points_ * points_ * 3));
  plane_.resize(static_cast<std::size_t>(points_ * points_ * 3));
  line_.resize(static_cast<std::size_t>(points_ * 3));
  core::Rng rng({seed, 0, 0, 0});
  for (std::size_t i = 0; i < control_.size(); ++i) {
    control_[i] = static_cast<float>(rng.uniform(-1, 1) * amplitude[i % 3]);
  }
}

namespace {

// out = sum over the knot's four rows of `rows`, each out.size() long.
void blend(const std::vector<float>& rows, std::int64_t first, const std::array<float, 4>& weights,
           std::vector<float>& out) {
  const std::size_t size = out.size();
  const float* row = rows.data() + static_cast<std::size_t>(first) * size;
  for (std::size_t i = 0; i < size; ++i) {
    out[i] = weights[0] * row[i] + weights[1] * row[i + size] + weights[2] * row[i + 2 * size] +
             weights[3] * row[i + 3 * size];
  }
}

}  // namespace

void Bend::plane(std::int64_t depth) {
  const Knot& knot = knots_[0][static_cast<std::size_t>(depth)];
  blend(control_, knot.first, knot.weights, plane_);
}

const std::array<std::vector<float>, 3>& Bend::row(std::int64_t height) {
  const Knot& knot = knots_[1][static_cast<std::size_t>(height)];
  blend(plane_, knot.first, knot.weights, line_);
  for (std::size_t w = 0; w < knots_[2].size(); ++w) {
    const auto& [first, weights] = knots_[2][w];
    const float* point = line_.data() + first * 3;
    for (std::size_t a = 0; a < 3; ++a) {
      row_[a][w] =
          weights[0] * point[a] + weights[1] * point[a + 3] + weights[2] * point[a + 6] + weights[3] * point[a + 9];
    }
  }
  return row_;
}

}  // namespace augment
