#include "augment/ops/brightness.h"

#include "augment/voxel_rows.h"

namespace augment {
namespace {

class BrightnessOp final : public Op {
 public:
  explicit BrightnessOp(const Brightness& settings) : settings_(settings) {}
  std::string_view name() const override { return "brightness"; }

  Drawn draw(const core::DrawKey& key, const volume::Frame& frame, const volume::Shape&) const override {
    core::Rng rng(key);
    if (!rng.chance(settings_.chance)) return drawn();
    std::vector<double> values;
    for (std::int64_t c = 0; c < frame.channels; ++c) values.push_back(rng.uniform(-settings_.shift, settings_.shift));
    return drawn(std::move(values));
  }
  Drawn identity(const volume::Frame& frame, const volume::Shape&) const override {
    return drawn(std::vector<double>(static_cast<std::size_t>(frame.channels)));
  }

  void change(const Drawn& drawn, const Patch& patch) const override {
    drawn.require(static_cast<std::size_t>(patch.image.channels));
    for (std::int64_t c = 0; c < patch.image.channels; ++c) {
      const std::span<float> voxels = patch.image.channel(c);
      const auto shift = static_cast<float>(drawn.values[static_cast<std::size_t>(c)] * contents_of(voxels).deviation);
      stretch(voxels, {.shift = shift});
    }
  }

 private:
  Brightness settings_;
};

}  // namespace

OpPointer make(const Brightness& settings) { return std::make_shared<const BrightnessOp>(settings); }
const OpEntry brightness_entry =
    entry_of<BrightnessOp, Brightness>("brightness", "a channel brighter or darker as a whole");

}  // namespace augment
