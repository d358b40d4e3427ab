#include "evaluate/surface.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "evaluate/distance_transform.h"
#include "evaluate/overlap.h"

namespace evaluate {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinite = std::numeric_limits<double>::infinity();

// Voxels {d, h, w} from `low` up to, not including, `high`.
struct VoxelRange {
  std::array<std::int64_t, 3> low{}, high{};
  bool empty() const { return high[0] == 0; }
};

VoxelRange range_of(const std::vector<std::uint16_t>& classes, const volume::Shape& shape, int label) {
  VoxelRange range;
  for (int a = 0; a < 3; ++a) range.low[static_cast<std::size_t>(a)] = shape[a];
  std::size_t i = 0;
  for (std::int64_t d = 0; d < shape.depth; ++d) {
    for (std::int64_t h = 0; h < shape.height; ++h) {
      for (std::int64_t w = 0; w < shape.width; ++w, ++i) {
        if (classes[i] != label) continue;
        const std::array<std::int64_t, 3> at{d, h, w};
        for (std::size_t a = 0; a < 3; ++a) {
          range.low[a] = std::min(range.low[a], at[a]);
          range.high[a] = std::max(range.high[a], at[a] + 1);
        }
      }
    }
  }
  return range;
}

VoxelRange joined(const VoxelRange& a, const VoxelRange& b) {
  VoxelRange both;
  for (std::size_t i = 0; i < 3; ++i) {
    both.low[i] = std::min(a.low[i], b.low[i]);
    both.high[i] = std::max(a.high[i], b.high[i]);
  }
  return both;
}

volume::Shape cells_of(const VoxelRange& range) {
  return {range.high[0] - range.low[0] + 1, range.high[1] - range.low[1] + 1, range.high[2] - range.low[2] + 1};
}

// Which corners of each cell are inside; cell {0, 0, 0} has voxel `low` as its last corner.
std::vector<std::uint8_t> corners_of(const std::vector<std::uint16_t>& classes, const volume::Shape& shape, int label,
                                     const VoxelRange& range) {
  const volume::Shape cells = cells_of(range);
  std::vector<std::uint8_t> corners(static_cast<std::size_t>(cells.voxels()));
  for (std::int64_t d = range.low[0]; d < range.high[0]; ++d) {
    for (std::int64_t h = range.low[1]; h < range.high[1]; ++h) {
      for (std::int64_t w = range.low[2]; w < range.high[2]; ++w) {
        if (classes[static_cast<std::size_t>((d * shape.height + h) * shape.width + w)] != label) continue;
        for (int corner = 0; corner < 8; ++corner) {  // this voxel is corner {1, 1, 1} of the cell before it
          const std::int64_t cd = d - range.low[0] + 1 - (corner >> 2 & 1),
                             ch = h - range.low[1] + 1 - (corner >> 1 & 1), cw = w - range.low[2] + 1 - (corner & 1);
          std::uint8_t& cell = corners[static_cast<std::size_t>((cd * cells.height + ch) * cells.width + cw)];
          cell = static_cast<std::uint8_t>(cell | 1U << corner);
        }
      }
    }
  }
  return corners;
}

bool on_surface(std::uint8_t corners) { return corners != 0 && corners != 255; }

struct Distances {
  std::vector<std::pair<double, double>> of;  // distance and area of each element, nearest first
  double area = 0;
};

Distances distances(const std::vector<std::uint8_t>& from, const std::vector<float>& square_to_other,
                    const std::array<double, 256>& areas) {
  Distances result;
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (!on_surface(from[i])) continue;
    result.of.emplace_back(std::sqrt(static_cast<double>(square_to_other[i])), areas[from[i]]);
    result.area += areas[from[i]];
  }
  std::sort(result.of.begin(), result.of.end());
  return result;
}

double percentile(const Distances& distances, double share) {
  double below = 0;
  for (const auto& [distance, area] : distances.of) {
    below += area;
    if (below >= share * distances.area) return distance;
  }
  return distances.of.back().first;
}

SurfaceScores compare(const Distances& a, const Distances& b, double tolerance_mm) {
  const double limit = tolerance_mm * (1 + 1e-6);  // distances are float: a tie with the tolerance is within it
  std::array<double, 2> beyond{}, sum{};
  for (const std::size_t side : {0U, 1U}) {
    for (const auto& [distance, area] : (side == 0 ? a : b).of) {
      beyond[side] += distance <= limit ? 0 : area;
      sum[side] += distance * area;
    }
  }
  const double area = a.area + b.area;
  return {1 - (beyond[0] + beyond[1]) / area, std::max(percentile(a, 0.95), percentile(b, 0.95)),
          (sum[0] + sum[1]) / area, std::max(a.of.back().first, b.of.back().first)};
}

std::vector<std::uint8_t> surface_of(const std::vector<std::uint8_t>& corners) {
  std::vector<std::uint8_t> marked(corners.size());
  std::transform(corners.begin(), corners.end(), marked.begin(), [](std::uint8_t c) { return on_surface(c) ? 1 : 0; });
  return marked;
}

}  // namespace

SurfaceScores surface_scores(const volume::Volume& prediction, const volume::Volume& truth, int label,
                             double tolerance_mm, int threads) {
  check_same_grid(prediction, truth);
  const std::vector<std::uint16_t> mine = classes_of(prediction), theirs = classes_of(truth);
  const volume::Shape shape = truth.shape();
  const VoxelRange mine_in = range_of(mine, shape, label), theirs_in = range_of(theirs, shape, label);
  if (mine_in.empty() && theirs_in.empty()) return {kNaN, kNaN, kNaN, kNaN};
  if (mine_in.empty() || theirs_in.empty()) return {0, kInfinite, kInfinite, kInfinite};
  const VoxelRange range = joined(mine_in, theirs_in);
  const volume::Shape cells = cells_of(range);
  const std::array<double, 3>& spacing = truth.geometry.spacing_mm;
  const std::array<double, 256> areas = element_areas(spacing);
  const auto a = corners_of(mine, shape, label, range), b = corners_of(theirs, shape, label, range);
  const Distances from_a = distances(a, squared_distances(surface_of(b), cells, spacing, threads), areas);
  const Distances from_b = distances(b, squared_distances(surface_of(a), cells, spacing, threads), areas);
  return compare(from_a, from_b, tolerance_mm);
}

std::vector<SurfaceElement> surface_elements(const volume::Volume& map, int label) {
  const std::vector<std::uint16_t> classes = classes_of(map);
  const VoxelRange range = range_of(classes, map.shape(), label);
  std::vector<SurfaceElement> elements;
  if (range.empty()) return elements;
  const volume::Shape cells = cells_of(range);
  const auto corners = corners_of(classes, map.shape(), label, range);
  const std::array<double, 256> areas = element_areas(map.geometry.spacing_mm);
  std::size_t i = 0;
  for (std::int64_t d = 0; d < cells.depth; ++d)
    for (std::int64_t h = 0; h < cells.height; ++h)
      for (std::int64_t w = 0; w < cells.width; ++w, ++i)
        if (on_surface(corners[i]))
          elements.push_back({{d + range.low[0], h + range.low[1], w + range.low[2]}, areas[corners[i]]});
  return elements;
}

}  // namespace evaluate
