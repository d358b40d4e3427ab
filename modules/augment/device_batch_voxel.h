#pragma once
// What the stages of device_batch_plan.h do to one voxel, in kernels and in the tests on the CPU.

#include "augment/device_batch_plan.h"
#include "augment/voxel_math.h"
#include "runtime/bf16.h"

namespace augment {

GADOLIN_HOST_DEVICE inline void add(Sums& sums, float voxel) {
  const double wide = voxel;
  sums.sum += wide;
  sums.square += wide * wide;
  sums.low = sums.any != 0 && sums.low < voxel ? sums.low : voxel;
  sums.high = sums.any != 0 && sums.high > voxel ? sums.high : voxel;
  sums.any = 1;
}
GADOLIN_HOST_DEVICE inline void add(Sums& sums, const Sums& other) {
  if (other.any == 0) return;
  sums.sum += other.sum;
  sums.square += other.square;
  sums.low = sums.any != 0 && sums.low < other.low ? sums.low : other.low;
  sums.high = sums.any != 0 && sums.high > other.high ? sums.high : other.high;
  sums.any = 1;
}
// The deviation is right to 1e-15 (mean / deviation)^2.
GADOLIN_HOST_DEVICE inline Moments moments_of(const Sums& sums, double voxels) {
  const double mean = sums.sum / voxels, variance = sums.square / voxels - mean * mean;
  return {mean, variance > 0 ? std::sqrt(variance) : 0.0, sums.low, sums.high};
}

// A change of a lane with the moments it needs; made once, then for many voxels.
struct ReadyChange {
  Change change = Change::kNone;
  std::uint64_t seed = 0;
  std::uint32_t channel = 0;
  float deviation = 0, brighter = 0;
  bool contrast = false, upside_down = false;
  float from = 0, more = 0, shift = 0, low = 0, high = 0, power = 1;
};

GADOLIN_HOST_DEVICE inline void ready_restretch(const Moments& before, const Moments& after, ReadyChange& ready) {
  if (!(before.high - before.low > 0) || !(after.deviation > 0)) {
    ready.change = Change::kNone;
    return;
  }
  ready.from = static_cast<float>(after.mean);
  ready.more = static_cast<float>(before.deviation / after.deviation - 1);
  ready.shift = static_cast<float>(before.mean - after.mean);
  ready.high = __builtin_bit_cast(float, 0x7f800000);  // infinite
  ready.low = -ready.high;
}

GADOLIN_HOST_DEVICE inline ReadyChange ready_change(const BatchTables& batch, std::int32_t i, Change change) {
  const BatchLane& lane = batch.in_lanes[i];
  const Moments* const moments = batch.moments + static_cast<std::int64_t>(i) * kMoments;
  ReadyChange ready;
  ready.change = change;
  if (change == Change::kNoise) {
    ready.seed = lane.seed;
    ready.channel = static_cast<std::uint32_t>(i % batch.channels);
    ready.deviation = static_cast<float>(lane.noise * moments[lane.noise_by].deviation);
  } else if (change == Change::kLevels) {
    const Moments& by = moments[lane.levels_by];
    ready.brighter = static_cast<float>(lane.shift * by.deviation);
    ready.contrast = lane.contrast != 0;
    ready.more = lane.more;
    ready.from = static_cast<float>(by.mean + static_cast<double>(ready.brighter));
    ready.low = by.low + ready.brighter;
    ready.high = by.high + ready.brighter;
  } else if (change == Change::kRaise) {
    const Moments& by = moments[lane.gamma_by];
    ready.low = by.low;
    ready.high = by.high;
    ready.power = lane.power;
    ready.upside_down = lane.upside_down != 0;
    if (!(by.high - by.low > 0)) ready.change = Change::kNone;
  } else if (change == Change::kRestretch) {
    ready_restretch(moments[lane.gamma_by], moments[lane.after_gamma], ready);
  }
  return ready;
}

// All but noise, which is made for four voxels at once.
GADOLIN_HOST_DEVICE inline float leveled(const ReadyChange& ready, float voxel) {
  if (ready.change == Change::kLevels) {
    const float brighter = voxel + ready.brighter;
    if (!ready.contrast) return brighter;
    return voxel::stretched(brighter, ready.from, ready.more, 0.0f, ready.low, ready.high);
  }
  if (ready.change == Change::kRaise)
    return voxel::raised(voxel, ready.low, ready.high, ready.power, ready.upside_down);
  if (ready.change == Change::kRestretch)
    return voxel::stretched(voxel, ready.from, ready.more, ready.shift, ready.low, ready.high);
  return voxel;
}

// `index` of the voxel in its lane.
GADOLIN_HOST_DEVICE inline float changed(const ReadyChange& ready, float voxel, std::int32_t index) {
  if (ready.change != Change::kNoise) return leveled(ready, voxel);
  float noise[4];
  voxel::noise_of(ready.seed, ready.channel, static_cast<std::uint32_t>(index / 4), ready.deviation, noise);
  return voxel + noise[index % 4];
}

}  // namespace augment
