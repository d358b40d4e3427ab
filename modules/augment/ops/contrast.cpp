#include "augment/ops/contrast.h"

#include <cmath>

#include "augment/voxel_rows.h"

namespace augment {
namespace {

class ContrastOp final : public Op {
 public:
  explicit ContrastOp(const Contrast& settings) : settings_(settings) {}
  std::string_view name() const override { return "contrast"; }

  Drawn draw(const core::DrawKey& key, const volume::Frame& frame, const volume::Shape&) const override {
    core::Rng rng(key);
    if (!rng.chance(settings_.chance)) return drawn();
    std::vector<double> values;
    for (std::int64_t c = 0; c < frame.channels; ++c) {
      values.push_back(std::exp(rng.uniform(std::log(settings_.low), std::log(settings_.high))));
    }
    return drawn(std::move(values));
  }
  Drawn identity(const volume::Frame& frame, const volume::Shape&) const override {
    return drawn(std::vector<double>(static_cast<std::size_t>(frame.channels), 1.0));
  }

  void change(const Drawn& drawn, const Patch& patch) const override {
    drawn.require(static_cast<std::size_t>(patch.image.channels));
    for (std::int64_t c = 0; c < patch.image.channels; ++c) {
      const std::span<float> voxels = patch.image.channel(c);
      const Contents contents = contents_of(voxels);
      stretch(voxels, {.from = static_cast<float>(contents.mean),
                       .more = static_cast<float>(drawn.values[static_cast<std::size_t>(c)] - 1),
                       .low = contents.low,
                       .high = contents.high});
    }
  }

 private:
  Contrast settings_;
};

}  // namespace

OpPointer make(const Contrast& settings) { return std::make_shared<const ContrastOp>(settings); }
const OpEntry contrast_entry = entry_of<ContrastOp, Contrast>("contrast", "a channel's contrast about its mean");

}  // namespace augment
