#pragma once
#include "augment/axis_filter.h"
#include "augment/ops.h"

namespace augment {

// As if scanned with larger voxels and interpolated back, along all axes or, like thick slices, along one. Drawn: for
// each channel 3 times the part of the resolution that is kept, 1 where nothing is lost.
struct LowResolution {
  double chance = 0.25;
  double channel_chance = 0.5;
  double thick_slices = 0.3;
  double low = 0.5;
  double flat_ratio = 3;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("chance", &LowResolution::chance, "chance", Range{0, 1}),
        field("channel_chance", &LowResolution::channel_chance, "then, chance of each channel, if there are several",
              Range{0, 1}),
        field("thick_slices", &LowResolution::thick_slices, "chance to lose along one axis only", Range{0, 1}),
        field("low", &LowResolution::low, "least part of the resolution that is kept", Range{0.05, 1}),
        field("flat_ratio", &LowResolution::flat_ratio,
              "an axis whose spacing is more than this many times the finest is left alone", Range{1, 100}),
    };
  }
};
OpPointer make(const LowResolution& settings);
// What was drawn does these, one after the other. Throws Error for values that do not fit.
AxisFilters low_resolution_filters(const Drawn& drawn, std::int64_t channels, const volume::Shape& view);

}  // namespace augment
