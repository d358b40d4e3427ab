#include "volume/quality.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace volume {
namespace {

constexpr std::int64_t kLookedAt = 200'000;
constexpr double kAirHu = -500;
constexpr double kPlaneShare = 0.01;  // of a plane that is content
constexpr double kFaceShare = 0.25;   // of a face that the body reaches
constexpr double kLowSnr = 5;

template <class T>
double meant(T voxel, const Volume& image) {
  return static_cast<double>(voxel) * image.scale + image.offset;
}

// Sorted. The step shares no divisor with rows and planes, so that no column is preferred.
std::vector<double> sample_of(const Volume& image) {
  const Shape& shape = image.shape();
  const std::int64_t plane = shape.height * shape.width;
  std::int64_t step = std::max<std::int64_t>(1, shape.voxels() / kLookedAt);
  while (step > 1 && std::gcd(step, plane) != 1) ++step;
  std::vector<double> values;
  with_type(image.type(), [&]<class T>(T) {
    const auto voxels = image.voxels<T>();
    for (std::size_t i = 0; i < voxels.size(); i += static_cast<std::size_t>(step))
      values.push_back(meant(voxels[i], image));
  });
  std::sort(values.begin(), values.end());
  return values;
}

double percentile(const std::vector<double>& sorted, double percent) {
  return sorted[static_cast<std::size_t>(std::lround(percent / 100 * static_cast<double>(sorted.size() - 1)))];
}

void fill_histogram(const std::vector<double>& values, Quality& quality) {
  const double per_value = static_cast<double>(Quality::kBins) / (quality.high - quality.low);
  for (const double value : values) {
    const double bin = std::clamp((value - quality.low) * per_value, 0.0, static_cast<double>(Quality::kBins - 1));
    ++quality.histogram[static_cast<std::size_t>(bin)];
  }
}

// The value that parts the histogram into two classes as far from each other as can be.
double otsu(const Quality& quality) {
  double total = 0, moment = 0;
  for (std::size_t i = 0; i < Quality::kBins; ++i) {
    total += static_cast<double>(quality.histogram[i]);
    moment += static_cast<double>(i) * static_cast<double>(quality.histogram[i]);
  }
  double below = 0, below_moment = 0, best = -1, at = 0;
  for (std::size_t i = 0; i + 1 < Quality::kBins; ++i) {
    below += static_cast<double>(quality.histogram[i]);
    below_moment += static_cast<double>(i) * static_cast<double>(quality.histogram[i]);
    if (below == 0 || below == total) continue;
    const double apart = below_moment / below - (moment - below_moment) / (total - below);
    const double between = below * (total - below) * apart * apart;
    if (between <= best) continue;
    best = between;
    at = static_cast<double>(i + 1);
  }
  return quality.low + (quality.high - quality.low) * at / static_cast<double>(Quality::kBins);
}

// Voxels of content in every slice, row and column of the grid, and the values at its edges and in its middle.
struct Counts {
  std::array<std::vector<std::int64_t>, 3> planes;  // by axis
  double edge_sum = 0, edge_squares = 0, edge_count = 0, middle_sum = 0, middle_count = 0;
};

// Whether an index lies within 6 % of either end; whether it lies in the middle half.
bool at_end(std::int64_t i, std::int64_t size) {
  const std::int64_t margin = std::max<std::int64_t>(1, size * 6 / 100);
  return i < margin || i >= size - margin;
}
bool in_middle(std::int64_t i, std::int64_t size) { return 4 * i >= size - 1 && 4 * i <= 3 * (size - 1); }

template <class T>
void add_edges(const Volume& image, std::int64_t d, std::int64_t h, std::span<const T> row, Counts& counts) {
  const Shape& shape = image.shape();
  const int ends = at_end(d, shape.depth) + at_end(h, shape.height);
  const bool middle = in_middle(d, shape.depth) && in_middle(h, shape.height);
  if (ends == 0 && !middle) return;
  for (std::int64_t w = 0; w < shape.width; ++w) {
    const bool edge = ends == 2 || (ends == 1 && at_end(w, shape.width));
    if (!edge && !(middle && in_middle(w, shape.width))) continue;
    const double value = meant(row[static_cast<std::size_t>(w)], image);
    if (edge) {
      counts.edge_sum += value;
      counts.edge_squares += value * value;
      ++counts.edge_count;
    } else {
      counts.middle_sum += value;
      ++counts.middle_count;
    }
  }
}

template <class T>
Counts count_content(const Volume& image, double threshold) {
  const Shape& shape = image.shape();
  Counts counts;
  for (int axis = 0; axis < 3; ++axis)
    counts.planes[static_cast<std::size_t>(axis)].resize(static_cast<std::size_t>(shape[axis]));
  const double stored = (threshold - image.offset) / image.scale;
  const bool falling = image.scale < 0;
  const auto voxels = image.voxels<T>();
  const auto width = static_cast<std::size_t>(shape.width);
  for (std::int64_t d = 0; d < shape.depth; ++d) {
    for (std::int64_t h = 0; h < shape.height; ++h) {
      const auto row = voxels.subspan(static_cast<std::size_t>(d * shape.height + h) * width, width);
      std::int64_t found = 0;
      for (std::size_t w = 0; w < width; ++w) {
        const double v = static_cast<double>(row[w]);
        const bool content = falling ? v < stored : v > stored;
        counts.planes[2][w] += content;
        found += content;
      }
      counts.planes[0][static_cast<std::size_t>(d)] += found;
      counts.planes[1][static_cast<std::size_t>(h)] += found;
      add_edges(image, d, h, row, counts);
    }
  }
  return counts;
}

void tell_content(const Shape& shape, const Counts& counts, Quality& quality) {
  const auto voxels = static_cast<double>(shape.voxels());
  for (int axis = 0; axis < 3; ++axis) {
    const auto& planes = counts.planes[static_cast<std::size_t>(axis)];
    const double size = voxels / static_cast<double>(shape[axis]);
    const auto holds = [&](std::int64_t count) { return static_cast<double>(count) > kPlaneShare * size; };
    const auto first = std::find_if(planes.begin(), planes.end(), holds);
    const auto last = std::find_if(planes.rbegin(), planes.rend(), holds);
    const std::int64_t begin = first - planes.begin(), end = planes.rend() - last;
    quality.content.begin[static_cast<std::size_t>(axis)] = first == planes.end() ? 0 : begin;
    const std::int64_t length = first == planes.end() ? 0 : end - begin;
    (axis == 0   ? quality.content.shape.depth
     : axis == 1 ? quality.content.shape.height
                 : quality.content.shape.width) = length;
    quality.faces_touched += static_cast<double>(planes.front()) >= kFaceShare * size;
    quality.faces_touched += static_cast<double>(planes.back()) >= kFaceShare * size;
  }
  const auto& slices = counts.planes[0];
  quality.content_share = static_cast<double>(std::accumulate(slices.begin(), slices.end(), std::int64_t{0})) / voxels;
}

void tell_edges(const Counts& counts, Quality& quality) {
  const double range = quality.high - quality.low;
  const double edge = counts.edge_sum / std::max(1.0, counts.edge_count);
  const double variance = counts.edge_squares / std::max(1.0, counts.edge_count) - edge * edge;
  quality.edge = (edge - quality.low) / range;
  quality.edge_spread = std::sqrt(std::max(0.0, variance)) / range;
  quality.middle =
      counts.middle_count == 0 ? quality.edge : (counts.middle_sum / counts.middle_count - quality.low) / range;
}

// Voxels whose neighbour in the next row is content: the choice does not depend on the noise of the voxels themselves.
template <class T>
std::vector<float> second_differences(const Volume& image, double threshold) {
  const Shape& shape = image.shape();
  const auto voxels = image.voxels<T>();
  const std::int64_t rows = shape.depth * shape.height;
  const std::int64_t step = 1 + shape.voxels() / (2 * kLookedAt);
  std::vector<float> sizes;
  for (std::int64_t r = 0; r < rows; r += step) {
    const std::int64_t other = shape.height == 1 ? r : r % shape.height + 1 < shape.height ? r + 1 : r - 1;
    const T* row = voxels.data() + r * shape.width;
    const T* beside = voxels.data() + other * shape.width;
    for (std::int64_t w = 1; w + 1 < shape.width; ++w) {
      if (meant(beside[w], image) <= threshold) continue;
      const double bend =
          static_cast<double>(row[w - 1]) - 2 * static_cast<double>(row[w]) + static_cast<double>(row[w + 1]);
      sizes.push_back(static_cast<float>(std::abs(bend * image.scale)));
    }
  }
  return sizes;
}

// The median of |x| is 0.6745 standard deviations; a second difference has six times the variance.
double noise_of(const Volume& image, double threshold) {
  std::vector<float> sizes =
      with_type(image.type(), [&]<class T>(T) { return second_differences<T>(image, threshold); });
  if (sizes.size() < 100) return 0;
  const auto middle = sizes.begin() + static_cast<std::ptrdiff_t>(sizes.size() / 2);
  std::nth_element(sizes.begin(), middle, sizes.end());
  return static_cast<double>(*middle) / (0.6745 * std::sqrt(6.0));
}

bool never_placed(const Geometry& g) {
  return g.origin_mm == Point{0, 0, 0} && g.spacing_mm == std::array<double, 3>{1, 1, 1} &&
         std::abs(g.direction[0][2]) == 1 && std::abs(g.direction[1][1]) == 1 && std::abs(g.direction[2][0]) == 1;
}

}  // namespace

Quality quality_of(const Volume& image, std::string_view modality) {
  Quality quality;
  const std::vector<double> values = sample_of(image);
  quality.low = percentile(values, 0.5);
  quality.high = percentile(values, 99.5);
  quality.place_unknown = never_placed(image.geometry);
  const double size = std::max(std::abs(quality.low), std::abs(quality.high));
  quality.blank = !(quality.high - quality.low > 1e-6 * size);
  if (quality.blank) {
    quality.histogram.front() = static_cast<std::int64_t>(values.size());
    return quality;
  }
  fill_histogram(values, quality);
  const bool hounsfield = modality == "CT" && quality.low < kAirHu && quality.high > kAirHu;
  quality.threshold = hounsfield ? kAirHu : quality.low + (otsu(quality) - quality.low) / 2;
  const Counts counts = with_type(image.type(), [&]<class T>(T) { return count_content<T>(image, quality.threshold); });
  tell_content(image.shape(), counts, quality);
  tell_edges(counts, quality);
  quality.noise = noise_of(image, quality.threshold);
  const double spread = percentile(values, 95) - percentile(values, 5);
  quality.snr = quality.noise > 0 ? spread / quality.noise : std::numeric_limits<double>::infinity();
  return quality;
}

std::vector<std::string> doubts_of(const Quality& quality, std::string_view modality) {
  std::vector<std::string> codes;
  const bool inverted = (modality == "CT" || modality == "MR") && !quality.blank && quality.edge > 0.5 &&
                        quality.edge_spread < 0.2 && quality.edge - quality.middle > 0.25;
  const bool drowned = !quality.blank && quality.snr < kLowSnr;
  if (quality.blank) codes.emplace_back("BLANK");
  if (quality.faces_touched >= 4 && !inverted && !drowned) codes.emplace_back("CROPPED");
  if (inverted) codes.emplace_back("INVERTED");
  if (drowned) codes.emplace_back("LOW_SNR");
  if (quality.place_unknown) codes.emplace_back("PLACE_UNKNOWN");
  return codes;
}

}  // namespace volume
