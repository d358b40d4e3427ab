#include "volume/phantom_shapes.h"

#include <array>

#include "volume/one_axis.h"

namespace volume::phantom {

Noise::Noise(core::Rng rng) : values_(static_cast<std::size_t>(kPeriod * kPeriod * kPeriod)) {
  for (float& v : values_) v = static_cast<float>(rng()) * 0x1.0p-31f - 1.0f;
  std::vector<Taps> taps;
  for (std::int64_t i = 0; i < kSide; ++i) {
    // Weights of a position well inside, wrapped around instead of mirrored.
    Taps t = cubic_taps(4 + static_cast<double>(i % kFiner) / kFiner, 16);
    for (std::int64_t& index : t.index) index = (index - 4 + i / kFiner + kPeriod) % kPeriod;
    taps.push_back(t);
  }
  for (int axis = 0; axis < 3; ++axis) {
    const auto size = [&](int a) -> std::int64_t { return a < axis ? kSide : kPeriod; };
    values_ = interpolated<float>(values_, axis_view({size(0), size(1), size(2)}, axis), taps, 1);
  }
  for (float& v : values_) v *= 2.2f;  // back to the spread of the unblurred noise, nearly
}

}  // namespace volume::phantom
