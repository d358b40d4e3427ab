#pragma once
// What an ingest would take: bytes in the store and time, from a trial of a few of the cases.

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "store/chunk.h"
#include "volume/case.h"

namespace pipelines {

// Any thread may tell it of a case.
class IngestForecast {
 public:
  // Cases will be packed at most at `trials` of the `count` cases, evenly spread.
  IngestForecast(std::int64_t count, store::Layout layout, std::int64_t trials = 32)
      : stride_(count <= trials ? 1 : (count + trials - 1) / trials), layout_(layout) {}

  // Case `index` was read in so many seconds. Packs it as the store would, where it is one of the trials.
  void add(std::int64_t index, const volume::Case& one, double read_s, const std::map<int, std::string>& label_names);

  double store_bytes() const;  // 0 without any case
  // With so many workers on as many processors as now.
  double seconds(int workers) const;

 private:
  using Clock = std::chrono::steady_clock;
  std::int64_t stride_;
  store::Layout layout_;
  mutable std::mutex mutex_;
  double raw_bytes_ = 0, read_s_ = 0;                       // of all cases
  double tried_bytes_ = 0, packed_bytes_ = 0, pack_s_ = 0;  // of the trials
};

}  // namespace pipelines
