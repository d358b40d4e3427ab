#include "augment/ops/gamma.h"

#include <cmath>

#include "augment/voxel_rows.h"

namespace augment {
namespace {

// Mean and spread stay as they were.
void change_channel(std::span<float> voxels, float power, bool upside_down) {
  const Contents before = contents_of(voxels);
  if (!(before.high - before.low > 0) || power == 1) return;
  raise(voxels, before.low, before.high, power, upside_down);
  const Contents after = contents_of(voxels);
  if (!(after.deviation > 0)) return;
  stretch(voxels, {.from = static_cast<float>(after.mean),
                   .more = static_cast<float>(before.deviation / after.deviation - 1),
                   .shift = static_cast<float>(before.mean - after.mean)});
}

class GammaOp final : public Op {
 public:
  explicit GammaOp(const Gamma& settings) : settings_(settings) {}
  std::string_view name() const override { return "gamma"; }

  Drawn draw(const core::DrawKey& key, const volume::Frame& frame, const volume::Shape&) const override {
    core::Rng rng(key);
    if (!rng.chance(settings_.chance)) return drawn();
    std::vector<double> values;
    for (std::int64_t c = 0; c < frame.channels; ++c) {
      values.push_back(std::exp(rng.uniform(std::log(settings_.low), std::log(settings_.high))));
      values.push_back(rng.chance(settings_.upside_down) ? 1 : 0);
    }
    return drawn(std::move(values));
  }
  Drawn identity(const volume::Frame& frame, const volume::Shape&) const override {
    std::vector<double> values;
    for (std::int64_t c = 0; c < frame.channels; ++c) values.insert(values.end(), {1, 0});
    return drawn(std::move(values));
  }

  void change(const Drawn& drawn, const Patch& patch) const override {
    drawn.require(2 * static_cast<std::size_t>(patch.image.channels));
    for (std::int64_t c = 0; c < patch.image.channels; ++c) {
      const double* values = drawn.values.data() + 2 * c;
      drawn.require(values[0] > 0 && values[0] <= 100, "power");
      change_channel(patch.image.channel(c), static_cast<float>(values[0]), values[1] == 1);
    }
  }

 private:
  Gamma settings_;
};

}  // namespace

OpPointer make(const Gamma& settings) { return std::make_shared<const GammaOp>(settings); }
const OpEntry gamma_entry = entry_of<GammaOp, Gamma>("gamma", "a channel's range raised to a power");

}  // namespace augment
