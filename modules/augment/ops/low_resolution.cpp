#include "augment/ops/low_resolution.h"

#include <algorithm>
#include <cmath>

namespace augment {
namespace {

class LowResolutionOp final : public Op {
 public:
  explicit LowResolutionOp(const LowResolution& settings) : settings_(settings) {}
  std::string_view name() const override { return "low_resolution"; }

  Drawn draw(const core::DrawKey& key, const volume::Frame& frame, const volume::Shape&) const override {
    core::Rng rng(key);
    if (!rng.chance(settings_.chance)) return drawn();
    const double finest = *std::min_element(frame.spacing_mm.begin(), frame.spacing_mm.end());
    std::vector<std::size_t> fine;
    for (std::size_t a = 0; a < 3; ++a) {
      if (frame.spacing_mm[a] <= settings_.flat_ratio * finest) fine.push_back(a);
    }
    std::vector<double> values;
    for (std::int64_t c = 0; c < frame.channels; ++c) {
      const bool wanted = rng.chance(settings_.channel_chance) || frame.channels == 1;
      const double kept = rng.uniform(settings_.low, 1);
      const bool one = rng.chance(settings_.thick_slices);
      const std::size_t axis = fine[rng.below(fine.size())];
      for (std::size_t a = 0; a < 3; ++a) {
        const bool loses = wanted && (one ? a == axis : std::count(fine.begin(), fine.end(), a) > 0);
        values.push_back(loses ? kept : 1);
      }
    }
    return drawn(std::move(values));
  }
  Drawn identity(const volume::Frame& frame, const volume::Shape&) const override {
    return drawn(std::vector<double>(3 * static_cast<std::size_t>(frame.channels), 1.0));
  }

  void change(const Drawn& drawn, const Patch& patch) const override {
    filter(patch.image, low_resolution_filters(drawn, patch.image.channels, patch.image.shape));
  }

 private:
  LowResolution settings_;
};

}  // namespace

AxisFilters low_resolution_filters(const Drawn& drawn, std::int64_t channels, const volume::Shape& view) {
  drawn.require(3 * static_cast<std::size_t>(channels));
  AxisFilters filters(drawn.values.size());
  for (std::size_t i = 0; i < filters.size(); ++i) {
    const double kept = drawn.values[i];
    drawn.require(kept > 0 && kept <= 1, "resolution");
    const std::int64_t extent = view[static_cast<int>(i % 3)];
    const auto coarse = std::max<std::int64_t>(1, std::llround(kept * static_cast<double>(extent)));
    if (coarse != extent) filters[i] = through_coarse(extent, coarse);
  }
  return filters;
}

OpPointer make(const LowResolution& settings) { return std::make_shared<const LowResolutionOp>(settings); }
const OpEntry low_resolution_entry =
    entry_of<LowResolutionOp, LowResolution>("low_resolution", "as if scanned with larger voxels");

}  // namespace augment
