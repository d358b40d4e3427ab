#include "augment/ops/histogram_shift.h"

#include <algorithm>
#include <cmath>

#include "augment/curve_rows.h"
#include "augment/voxel_rows.h"
#include "core/error.h"

namespace augment {
namespace {

// `inner`: where the points between the ends go.
void shift_channel(std::span<float> voxels, std::span<const double> inner) {
  const Contents contents = contents_of(voxels);
  if (!(contents.high > contents.low)) return;
  const double range = static_cast<double>(contents.high) - static_cast<double>(contents.low);
  const auto cells = static_cast<double>(inner.size() + 1);
  std::vector<float> added(inner.size() + 2);
  for (std::size_t i = 0; i < inner.size(); ++i) {
    added[i + 1] = static_cast<float>((inner[i] - static_cast<double>(i + 1) / cells) * range);
  }
  follow_curve(voxels, contents.low, contents.high, added);
}

class HistogramShiftOp final : public Op {
 public:
  explicit HistogramShiftOp(const HistogramShift& settings) : settings_(settings) {
    if (settings.points_low > settings.points_high) {
      throw core::usage_error("augmentation histogram_shift: points_low is greater than points_high");
    }
  }
  std::string_view name() const override { return "histogram_shift"; }

  Drawn draw(const core::DrawKey& key, const volume::Frame& frame, const volume::Shape&) const override {
    core::Rng rng(key);
    if (!rng.chance(settings_.chance)) return drawn();
    const auto spread = static_cast<std::uint64_t>(settings_.points_high - settings_.points_low);
    const std::size_t inner = static_cast<std::size_t>(settings_.points_low) + rng.below(spread + 1) - 2;
    std::vector<double> values{static_cast<double>(inner + 2)};
    std::vector<double> places(inner);
    for (std::int64_t c = 0; c < frame.channels; ++c) {
      for (double& each : places) each = rng.uniform();
      std::sort(places.begin(), places.end());
      for (std::size_t i = 0; i < inner; ++i) {
        values.push_back(
            std::lerp(static_cast<double>(i + 1) / static_cast<double>(inner + 1), places[i], settings_.strength));
      }
    }
    return drawn(std::move(values));
  }
  Drawn identity(const volume::Frame& frame, const volume::Shape&) const override {
    std::vector<double> values{5};
    for (std::int64_t c = 0; c < frame.channels; ++c) values.insert(values.end(), {0.25, 0.5, 0.75});
    return drawn(std::move(values));
  }

  void change(const Drawn& drawn, const Patch& patch) const override {
    drawn.require(!drawn.values.empty() && drawn.values[0] >= 3 && drawn.values[0] <= 64, "number of points");
    const std::size_t inner = static_cast<std::size_t>(drawn.values[0]) - 2;
    drawn.require(1 + inner * static_cast<std::size_t>(patch.image.channels));
    for (std::int64_t c = 0; c < patch.image.channels; ++c) {
      const std::span<const double> places(drawn.values.data() + 1 + static_cast<std::size_t>(c) * inner, inner);
      drawn.require(places.front() >= 0 && places.back() <= 1 && std::is_sorted(places.begin(), places.end()),
                    "place of a point");
      shift_channel(patch.image.channel(c), places);
    }
  }

 private:
  HistogramShift settings_;
};

}  // namespace

OpPointer make(const HistogramShift& settings) { return std::make_shared<const HistogramShiftOp>(settings); }
const OpEntry histogram_shift_entry = entry_of<HistogramShiftOp, HistogramShift>(
    "histogram_shift", "a channel's values through a rising line with random bends");

}  // namespace augment
