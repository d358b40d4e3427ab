#include "prepare/values.h"

#include <algorithm>
#include <cmath>

#include "prepare/foreground.h"

namespace prepare {
namespace {

// Calls f(value, is foreground) for every finite voxel, in order.
template <class F>
void for_each_value(const volume::Volume& image, const std::string& modality, F&& f) {
  const bool ct = modality == "CT";
  volume::with_type(image.type(), [&]<class T>(T) {
    for (const T voxel : image.voxels<T>()) {
      const double value = static_cast<double>(voxel) * image.scale + image.offset;
      if (std::isfinite(value)) f(value, ct ? value > kAirHu : value != 0);
    }
  });
}

}  // namespace

Values values_of(const volume::Volume& image, const std::string& modality, std::int64_t most) {
  Values result;
  ValueStatistics& all = result.statistics;
  std::int64_t finite = 0;
  for_each_value(image, modality, [&](double value, bool inside) {
    all.lowest = finite == 0 ? value : std::min(all.lowest, value);
    all.highest = finite == 0 ? value : std::max(all.highest, value);
    ++finite;
    all.voxels += inside;
  });
  if (finite == 0) return result;
  const bool whole = all.voxels == 0;
  if (whole) all.voxels = finite;
  const std::int64_t step = std::max<std::int64_t>(1, (all.voxels + most - 1) / most);
  // Sums of differences from the range's middle lose no digits where values are large and alike.
  const double middle = all.lowest + (all.highest - all.lowest) / 2;
  double sum = 0, squares = 0;
  std::int64_t number = 0;
  all.two_values = true;
  for_each_value(image, modality, [&](double value, bool inside) {
    all.two_values = all.two_values && (value == all.lowest || value == all.highest);
    if (!inside && !whole) return;
    const double difference = value - middle;
    sum += difference;
    squares += difference * difference;
    if (number++ % step == 0) result.sample.push_back(static_cast<float>(value));
  });
  const double count = static_cast<double>(all.voxels);
  all.mean = middle + sum / count;
  all.deviation = std::sqrt(std::max(0.0, squares / count - sum / count * sum / count));
  std::ranges::sort(result.sample);
  all.percentile_00_5 = percentile(result.sample, 0.5);
  all.median = percentile(result.sample, 50);
  all.percentile_99_5 = percentile(result.sample, 99.5);
  return result;
}

Moments clipped_moments(const volume::Volume& image, const std::string& modality, double low, double high, bool whole) {
  const double middle = low + (high - low) / 2;
  double sum = 0, squares = 0, count = 0;
  for_each_value(image, modality, [&](double value, bool inside) {
    if (!inside && !whole) return;
    const double difference = std::clamp(value, low, high) - middle;
    sum += difference;
    squares += difference * difference;
    count += 1;
  });
  if (count == 0) return {};
  return {middle + sum / count, std::sqrt(std::max(0.0, squares / count - sum / count * sum / count))};
}

}  // namespace prepare
