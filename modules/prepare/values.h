#pragma once
// The values of one picture: counted, sampled and summed. Used by fingerprint and apply.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "prepare/fingerprint.h"
#include "volume/volume.h"

namespace prepare {

struct Values {
  ValueStatistics statistics;  // voxels is 0 when nothing is finite, and then all else is
  std::vector<float> sample;   // of the foreground, sorted
};

// `most` values or fewer, every n-th of the foreground in the order of the voxels. Pure.
Values values_of(const volume::Volume& image, const std::string& modality, std::int64_t most);

// Mean and deviation (of the population) of the foreground, values clipped to [low, high] first; of the whole picture
// when `whole`. {0, 0} when there is none.
struct Moments {
  double mean = 0, deviation = 0;
};
Moments clipped_moments(const volume::Volume& image, const std::string& modality, double low, double high, bool whole);

// Of sorted values, 0..100, linear between the two neighbours; 0 when there is none.
template <class T>
double percentile(const std::vector<T>& sorted, double percent) {
  if (sorted.empty()) return 0;
  const double at = percent / 100 * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const double part = at - static_cast<double>(below);
  return static_cast<double>(sorted[below]) * (1 - part) +
         static_cast<double>(sorted[std::min(below + 1, sorted.size() - 1)]) * part;
}

}  // namespace prepare
