#include "augment/bend.h"

#include <algorithm>

#include "augment/pick_row.h"
#include "augment/voxel_place.h"
#include "core/error.h"
#include "core/rng.h"
#include "volume/rows.h"

namespace augment {

double Bend::cell(std::int64_t extent, std::int64_t cells) {
  return static_cast<double>(std::max<std::int64_t>(extent - 1, 1)) / static_cast<double>(cells);
}

Bend::Knots Bend::knots(std::int64_t extent, std::int64_t cells) {
  Knots knots;
  for (std::int64_t i = 0; i < extent; ++i) {
    const double x = static_cast<double>(i) / cell(extent, cells);
    const std::int64_t first = std::min(static_cast<std::int64_t>(x), cells - 1);
    double weights[4];
    voxel::spline_weights(x - static_cast<double>(first), weights);
    for (std::size_t k = 0; k < 4; ++k) knots.weights[k].push_back(static_cast<float>(weights[k]));
    if (knots.first.empty() || knots.first.back() != first)
      knots.cells.emplace_back(static_cast<std::size_t>(i), static_cast<std::size_t>(i));
    ++knots.cells.back().second;
    knots.first.push_back(first);
  }
  return knots;
}

Bend::Bend(const volume::Shape& view, std::int64_t cells, const std::array<double, 3>& amplitude, std::uint64_t seed)
    : points_(cells + 3) {
  GADOLIN_CHECK(cells > 0);
  for (int a = 0; a < 3; ++a) {
    knots_[a] = knots(view[a], cells);
    row_[a].resize(static_cast<std::size_t>(view.width) + kRowPadding);
  }
  const auto points = static_cast<std::size_t>(points_);
  control_.resize(points * points * points * 3);
  plane_.resize(points * points * 3);
  line_.resize(points * 3);
  core::Rng rng({seed, 0, 0, 0});
  for (std::size_t row = 0; row < points * points; ++row) {
    for (std::size_t w = 0; w < points; ++w) {
      for (std::size_t a = 0; a < 3; ++a)
        control_[(row * 3 + a) * points + w] = static_cast<float>(rng.uniform(-1, 1) * amplitude[a]);
    }
  }
}

void Bend::blend(const std::vector<float>& rows, const Knots& knots, std::int64_t voxel, std::vector<float>& out) {
  const auto at = static_cast<std::size_t>(voxel);
  std::array<const float*, 4> four{};
  std::array<float, 4> weights{};
  for (std::size_t k = 0; k < 4; ++k) {
    four[k] = rows.data() + (static_cast<std::size_t>(knots.first[at]) + k) * out.size();
    weights[k] = knots.weights[k][at];
  }
  volume::sum_rows<float>(four, weights, out.size(), out.data());
}

void Bend::plane(std::int64_t depth) { blend(control_, knots_[0], depth, plane_); }

const std::array<std::vector<float>, 3>& Bend::row(std::int64_t height) {
  blend(plane_, knots_[1], height, line_);
  const Knots& along = knots_[2];
  for (const auto& [begin, end] : along.cells) {
    const std::array<const float*, 4> weights{along.weights[0].data() + begin, along.weights[1].data() + begin,
                                              along.weights[2].data() + begin, along.weights[3].data() + begin};
    for (std::size_t a = 0; a < 3; ++a) {
      const float* points = line_.data() + a * static_cast<std::size_t>(points_) + along.first[begin];
      volume::sum_rows<float>(weights, std::span(points, 4), end - begin, row_[a].data() + begin);
    }
  }
  return row_;
}

}  // namespace augment
