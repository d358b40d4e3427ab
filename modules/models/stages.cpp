#include "models/stages.h"

#include <algorithm>
#include <limits>

#include "core/error.h"
#include "models/extent.h"

namespace models {
namespace {

using Spacing = std::array<double, 3>;
using Axes = std::array<bool, 3>;

Axes axes_to_halve(const Extent& extent, const Spacing& spacing, std::int64_t smallest) {
  double finest = std::numeric_limits<double>::infinity();
  for (std::size_t axis = 0; axis < 3; ++axis) {
    if (extent[axis] >= 2 * smallest) finest = std::min(finest, spacing[axis]);
  }
  Axes halved{};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    halved[axis] = extent[axis] >= 2 * smallest && spacing[axis] < 2 * finest;
  }
  if (std::ranges::count(halved, true) == 1) {
    const auto only = static_cast<std::size_t>(std::ranges::find(halved, true) - halved.begin());
    halved[only] = extent[only] >= 3 * smallest;
  }
  return halved;
}

void widen(Extent& kernel, const Spacing& spacing) {
  const double finest = std::ranges::min(spacing);
  for (std::size_t axis = 0; axis < 3; ++axis) {
    if (spacing[axis] < 2 * finest) kernel[axis] = 3;
  }
}

}  // namespace

std::vector<Stage> stages_for(const Input& input, std::int64_t most, std::int64_t smallest) {
  GADOLIN_CHECK(most >= 1 && smallest >= 1);
  Extent extent = input.patch, kernel{1, 1, 1};
  Spacing spacing = input.spacing_mm;
  GADOLIN_CHECK(std::ranges::min(extent) >= 1 && std::ranges::min(spacing) > 0);
  widen(kernel, spacing);
  std::vector<Stage> stages{{{1, 1, 1}, kernel}};
  while (static_cast<std::int64_t>(stages.size()) < most) {
    const Axes halved = axes_to_halve(extent, spacing, smallest);
    if (std::ranges::count(halved, true) == 0) break;
    Extent stride{1, 1, 1};
    for (std::size_t axis = 0; axis < 3; ++axis) {
      if (!halved[axis]) continue;
      stride[axis] = 2;
      spacing[axis] *= 2;
      extent[axis] = (extent[axis] + 1) / 2;
    }
    widen(kernel, spacing);
    stages.push_back({stride, kernel});
  }
  stages.back().kernel = {3, 3, 3};
  return stages;
}

std::vector<Extent> total_strides(const std::vector<Stage>& stages) {
  std::vector<Extent> strides;
  Extent total{1, 1, 1};
  for (const Stage& stage : stages) {
    for (std::size_t axis = 0; axis < 3; ++axis) total[axis] *= stage.stride[axis];
    strides.push_back(total);
  }
  return strides;
}

void check_coarsest(const Extent& image, const Extent& total) {
  std::int64_t coarsest = 1;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    coarsest *= image[axis] < 1 ? 0 : (image[axis] + total[axis] - 1) / total[axis];
  }
  if (coarsest > 1) return;
  throw core::usage_error("an image of " + to_text(image) + " voxels is too small for an encoder that makes it " +
                              to_text(total) + " times smaller: its coarsest features would be one voxel",
                          "take at least " + to_text({2 * total[0], 2 * total[1], 2 * total[2]}) +
                              " voxels, or an encoder of fewer stages");
}

}  // namespace models
