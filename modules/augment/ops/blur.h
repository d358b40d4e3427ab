#pragma once
#include "augment/axis_filter.h"
#include "augment/ops.h"

namespace augment {

// Gaussian blur, equally wide in millimetres along all axes. Drawn: for each channel 3 standard deviations in voxels,
// 0 where the channel or the axis is left alone.
struct Blur {
  double chance = 0.2;
  double channel_chance = 0.5;
  double low = 0.5, high = 1.0;

  static constexpr auto fields() {
    return std::tuple{
        core::field("chance", &Blur::chance, "chance", core::Range{0, 1}),
        core::field("channel_chance", &Blur::channel_chance, "then, chance of each channel, if there are several",
                    core::Range{0, 1}),
        core::field("low", &Blur::low, "least standard deviation, in voxels of the finest axis", core::Range{0, 20}),
        core::field("high", &Blur::high, "greatest standard deviation", core::Range{0, 20}),
    };
  }
};
OpPointer make(const Blur& settings);
// What was drawn does these, one after the other. Throws Error for values that do not fit.
AxisFilters blur_filters(const Drawn& drawn, std::int64_t channels, const volume::Shape& view);

}  // namespace augment
