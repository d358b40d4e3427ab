#include "evaluate/overlap.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>

#include "core/error.h"
#include "core/table.h"

namespace evaluate {
namespace {

constexpr std::size_t kClasses = 65536;

std::string sides(const volume::Shape& shape) {
  return std::to_string(shape.width) + " x " + std::to_string(shape.height) + " x " + std::to_string(shape.depth);
}

double farthest_corner_mm(const volume::Geometry& a, const volume::Geometry& b, const volume::Shape& shape) {
  double farthest = 0;
  for (int corner = 0; corner < 8; ++corner) {
    volume::Index index{};
    for (int axis = 0; axis < 3; ++axis)
      index[static_cast<std::size_t>(axis)] = (corner >> axis & 1) != 0 ? static_cast<double>(shape[axis] - 1) : 0.0;
    const volume::Point p = a.world(index), q = b.world(index);
    farthest = std::max(farthest, std::hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]));
  }
  return farthest;
}

}  // namespace

double Overlap::dice() const {
  const std::int64_t sum = prediction + truth;
  if (sum == 0) return std::numeric_limits<double>::quiet_NaN();
  return 2.0 * static_cast<double>(both) / static_cast<double>(sum);
}

std::vector<std::uint16_t> classes_of(const volume::Volume& map) {
  std::vector<std::uint16_t> classes(static_cast<std::size_t>(map.shape().voxels()));
  volume::with_type(map.type(), [&]<class T>(T) {
    const auto voxels = map.voxels<T>();
    for (std::size_t i = 0; i < voxels.size(); ++i) {
      const double value = static_cast<double>(voxels[i]) * map.scale + map.offset;
      if (!(value >= 0 && value < static_cast<double>(kClasses)) || value != std::floor(value)) {
        throw core::Error("the label map holds the value " + core::shortest(value),
                          "labels are whole numbers from 0 (background) to 65535");
      }
      classes[i] = static_cast<std::uint16_t>(value);
    }
  });
  return classes;
}

std::vector<int> labels_in(const volume::Volume& map) {
  std::vector<bool> seen(kClasses);
  for (const std::uint16_t value : classes_of(map)) seen[value] = true;
  std::vector<int> labels;
  for (std::size_t value = 1; value < kClasses; ++value) {
    if (seen[value]) labels.push_back(static_cast<int>(value));
  }
  return labels;
}

std::vector<Overlap> overlaps(const volume::Volume& prediction, const volume::Volume& truth,
                              std::span<const int> labels) {
  check_same_grid(prediction, truth);
  const std::vector<std::uint16_t> mine = classes_of(prediction), theirs = classes_of(truth);
  std::vector<Overlap> of_class(kClasses);
  for (std::size_t i = 0; i < mine.size(); ++i) {
    ++of_class[mine[i]].prediction;
    ++of_class[theirs[i]].truth;
    if (mine[i] == theirs[i]) ++of_class[mine[i]].both;
  }
  std::vector<Overlap> result;
  for (const int label : labels) {
    GADOLIN_CHECK(label >= 0 && label < static_cast<int>(kClasses));
    result.push_back(of_class[static_cast<std::size_t>(label)]);
  }
  return result;
}

double dice(const volume::Volume& prediction, const volume::Volume& truth, int label) {
  const std::array<int, 1> one{label};
  return overlaps(prediction, truth, one).front().dice();
}

void check_same_grid(const volume::Volume& prediction, const volume::Volume& truth, double tolerance_mm) {
  if (!(prediction.shape() == truth.shape())) {
    throw core::Error("the prediction has " + sides(prediction.shape()) + " voxels, the truth " + sides(truth.shape()),
                      "check that they belong together; scores are taken on the grid of the truth");
  }
  const double distance = farthest_corner_mm(prediction.geometry, truth.geometry, truth.shape());
  if (!(distance <= tolerance_mm)) {
    throw core::Error(
        "the prediction lies up to " + core::fixed(distance, 2) + " mm away from the truth",
        "origin, spacing or direction differ: bring the prediction back to the grid of the original image");
  }
}

}  // namespace evaluate
