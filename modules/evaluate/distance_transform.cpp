#include "evaluate/distance_transform.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/parallel.h"

namespace evaluate {
namespace {

constexpr float kFar = std::numeric_limits<float>::infinity();

// The lower envelope of the parabolas f(p) + spacing^2 (q - p)^2 of one line.
class Envelope {
 public:
  explicit Envelope(std::int64_t size) : at_(size_of(size)), from_(size_of(size) + 1) {}

  void transform(std::span<float> line, double spacing) {
    if (!build(line, spacing)) return;
    heights_.assign(line.begin(), line.end());
    std::size_t k = 0;
    for (std::size_t q = 0; q < line.size(); ++q) {
      while (from_[k + 1] < static_cast<double>(q)) ++k;
      const double away = spacing * (static_cast<double>(q) - static_cast<double>(at_[k]));
      line[q] = static_cast<float>(away * away + static_cast<double>(heights_[at_[k]]));
    }
  }

 private:
  static std::size_t size_of(std::int64_t size) { return static_cast<std::size_t>(size); }

  // False when no parabola is there: the line stays infinite.
  bool build(std::span<const float> line, double spacing) {
    const double square = spacing * spacing;
    std::size_t count = 0;
    for (std::size_t q = 0; q < line.size(); ++q) {
      if (line[q] == kFar) continue;
      const double here = static_cast<double>(q);
      double begin = -std::numeric_limits<double>::infinity();
      while (count > 0) {
        const double there = static_cast<double>(at_[count - 1]);
        const double rise = static_cast<double>(line[q]) - static_cast<double>(line[at_[count - 1]]);
        begin = (rise / square + here * here - there * there) / (2 * (here - there));
        if (begin > from_[count - 1]) break;
        --count;
        begin = -std::numeric_limits<double>::infinity();
      }
      at_[count] = q;
      from_[count++] = begin;
    }
    if (count > 0) from_[count] = std::numeric_limits<double>::infinity();
    return count > 0;
  }

  std::vector<std::size_t> at_;  // tops of the parabolas, rising
  std::vector<double> from_;     // where each begins to be the lowest
  std::vector<float> heights_;
};

// Lines along the middle axis of [outer, size, inner]; neighbouring lines are fetched together for the memory's sake.
void transform_axis(std::vector<float>& values, std::int64_t outer, std::int64_t size, std::int64_t inner,
                    double spacing, int threads) {
  constexpr std::int64_t kTogether = 64;
  const std::int64_t all = outer * inner;
  core::parallel_for((all + kTogether - 1) / kTogether, threads, [&](std::int64_t group) {
    const std::int64_t count = std::min(kTogether, all - group * kTogether);
    Envelope envelope(size);
    std::vector<float> lines(static_cast<std::size_t>(count * size));
    std::vector<float*> first(static_cast<std::size_t>(count));
    for (std::int64_t l = 0; l < count; ++l) {
      const std::int64_t n = group * kTogether + l;
      first[static_cast<std::size_t>(l)] = values.data() + n / inner * size * inner + n % inner;
    }
    for (std::int64_t i = 0; i < size; ++i)
      for (std::int64_t l = 0; l < count; ++l)
        lines[static_cast<std::size_t>(l * size + i)] = first[static_cast<std::size_t>(l)][i * inner];
    for (std::int64_t l = 0; l < count; ++l)
      envelope.transform({lines.data() + l * size, static_cast<std::size_t>(size)}, spacing);
    for (std::int64_t i = 0; i < size; ++i)
      for (std::int64_t l = 0; l < count; ++l)
        first[static_cast<std::size_t>(l)][i * inner] = lines[static_cast<std::size_t>(l * size + i)];
  });
}

}  // namespace

std::vector<float> squared_distances(std::span<const std::uint8_t> marked, const volume::Shape& shape,
                                     const std::array<double, 3>& spacing, int threads) {
  GADOLIN_CHECK(static_cast<std::int64_t>(marked.size()) == shape.voxels());
  for (const double s : spacing) GADOLIN_CHECK(std::isfinite(s) && s > 0);
  std::vector<float> values(marked.size());
  std::transform(marked.begin(), marked.end(), values.begin(), [](std::uint8_t m) { return m != 0 ? 0.0F : kFar; });
  transform_axis(values, shape.depth * shape.height, shape.width, 1, spacing[2], threads);
  transform_axis(values, shape.depth, shape.height, shape.width, spacing[1], threads);
  transform_axis(values, 1, shape.depth, shape.height * shape.width, spacing[0], threads);
  return values;
}

}  // namespace evaluate
