#include "prepare/coarse.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "prepare/values.h"

namespace prepare {
namespace {

struct Sum {
  double value = 0;
  std::int64_t counted = 0, voxels = 0;
};

// The bin, 0 .. bins - 1, after which the two classes differ most; -1 when there are no two.
int best_cut(const std::vector<double>& counts, double all, double weighted) {
  double below = 0, below_weighted = 0, best = 0;
  int cut = -1;
  for (std::size_t i = 0; i + 1 < counts.size(); ++i) {
    below += counts[i];
    below_weighted += counts[i] * static_cast<double>(i);
    if (below == 0 || below == all) continue;
    const double apart = below_weighted / below - (weighted - below_weighted) / (all - below);
    const double between = below * (all - below) * apart * apart;
    if (between <= best) continue;
    best = between;
    cut = static_cast<int>(i);
  }
  return cut;
}

}  // namespace

double longest_side_mm(const volume::Volume& image) {
  double longest = 0;
  for (std::size_t a = 0; a < 3; ++a)
    longest = std::max(longest, image.geometry.spacing_mm[a] * static_cast<double>(image.shape()[static_cast<int>(a)]));
  return longest;
}

volume::Grid coarse_grid(const volume::Grid& fine, const Block& block) {
  volume::Grid grid = fine;
  volume::Index middle{};
  std::array<std::int64_t, 3> sides{};
  for (std::size_t a = 0; a < 3; ++a) {
    const std::int64_t side = fine.shape[static_cast<int>(a)];
    middle[a] = static_cast<double>(block[a] - 1) / 2;
    sides[a] = (side + block[a] - 1) / block[a];
    grid.geometry.spacing_mm[a] *= static_cast<double>(block[a]);
  }
  grid.geometry.origin_mm = fine.geometry.world(middle);
  grid.shape = {sides[0], sides[1], sides[2]};
  return grid;
}

volume::Volume block_means(const volume::Volume& image, const Block& block, Counted counted) {
  const volume::Shape& shape = image.shape();
  const volume::Grid grid = coarse_grid({image.geometry, shape}, block);
  volume::Volume result(grid.shape, volume::VoxelType::kFloat32, grid.geometry);
  const bool positive = counted == Counted::kPositive;
  std::vector<Sum> sums(static_cast<std::size_t>(grid.shape.height * grid.shape.width));
  float* out = result.voxels<float>().data();
  volume::with_type(image.type(), [&]<class T>(T) {
    const T* voxel = image.voxels<T>().data();
    for (std::int64_t d = 0; d < shape.depth; ++d) {
      for (std::int64_t h = 0; h < shape.height; ++h) {
        Sum* row = sums.data() + h / block[1] * grid.shape.width;
        for (std::int64_t w = 0; w < shape.width; ++w, ++voxel) {
          const double value = static_cast<double>(*voxel) * image.scale + image.offset;
          Sum& sum = row[w / block[2]];
          ++sum.voxels;
          if (!std::isfinite(value) || (positive && value <= 0)) continue;
          sum.value += value;
          ++sum.counted;
        }
      }
      if ((d + 1) % block[0] != 0 && d + 1 != shape.depth) continue;
      for (Sum& sum : sums) {
        const bool enough = positive ? 2 * sum.counted >= sum.voxels : sum.counted > 0;
        const float none = positive ? 0.0F : std::numeric_limits<float>::quiet_NaN();
        *out++ = enough ? static_cast<float>(sum.value / static_cast<double>(sum.counted)) : none;
        sum = {};
      }
    }
  });
  return result;
}

double ground_threshold(std::span<const float> values) {
  constexpr std::size_t kBins = 256;
  std::vector<float> sorted;
  for (const float value : values) {
    if (std::isfinite(value)) sorted.push_back(std::max(0.0F, value));
  }
  std::ranges::sort(sorted);
  const double high = percentile(sorted, 99);
  if (sorted.empty() || !(high > static_cast<double>(sorted.front()))) return 0;
  const double floor = 0.02 * high;
  const double first = std::log(static_cast<double>(sorted.front()) + floor), last = std::log(high + floor);
  const double step = (last - first) / static_cast<double>(kBins);
  std::vector<double> counts(kBins);
  double weighted = 0;
  for (const float value : sorted) {
    const double at = (std::log(std::min(static_cast<double>(value), high) + floor) - first) / step;
    const auto bin = static_cast<std::size_t>(std::clamp(at, 0.0, static_cast<double>(kBins - 1)));
    counts[bin] += 1;
    weighted += static_cast<double>(bin);
  }
  const int cut = best_cut(counts, static_cast<double>(sorted.size()), weighted);
  return cut < 0 ? 0 : std::exp(first + step * (cut + 1)) - floor;
}

}  // namespace prepare
