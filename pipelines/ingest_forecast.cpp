#include "pipelines/ingest_forecast.h"

#include <algorithm>

#include "store/shard.h"
#include "store/writer.h"

namespace pipelines {
namespace {

double bytes_of(const volume::Case& one) {
  double bytes = one.label_map ? static_cast<double>(one.label_map->bytes().size()) : 0;
  for (const volume::Channel& channel : one.channels) {
    if (channel.image) bytes += static_cast<double>(channel.image->bytes().size());
  }
  return bytes;
}

}  // namespace

void IngestForecast::add(std::int64_t index, const volume::Case& one, double read_s,
                         const std::map<int, std::string>& label_names) {
  const double raw = bytes_of(one);
  double packed = 0, pack_s = 0;
  if (index % stride_ == 0) {
    const Clock::time_point start = Clock::now();
    packed = static_cast<double>(store::pack_case(one, label_names, nullptr, layout_).size_bytes());
    pack_s = std::chrono::duration<double>(Clock::now() - start).count();
  }
  const std::scoped_lock hold(mutex_);
  raw_bytes_ += raw;
  read_s_ += read_s;
  if (packed == 0) return;
  tried_bytes_ += raw;
  packed_bytes_ += packed;
  pack_s_ += pack_s;
}

double IngestForecast::store_bytes() const {
  const std::scoped_lock hold(mutex_);
  // Where all trials failed the cases are taken as they are.
  return tried_bytes_ > 0 ? raw_bytes_ * packed_bytes_ / tried_bytes_ : raw_bytes_;
}

double IngestForecast::seconds(int workers) const {
  const std::scoped_lock hold(mutex_);
  const double packing = tried_bytes_ > 0 ? pack_s_ * raw_bytes_ / tried_bytes_ : 0;
  return (read_s_ + packing) / std::max(1, workers);
}

}  // namespace pipelines
