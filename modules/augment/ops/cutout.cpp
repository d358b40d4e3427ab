#include "augment/ops/cutout.h"

#include "augment/boxes.h"
#include "augment/voxel_rows.h"

namespace augment {
namespace {

class CutoutOp final : public Op {
 public:
  explicit CutoutOp(const Cutout& settings) : settings_(settings) {}
  std::string_view name() const override { return "cutout"; }
  bool hides() const override { return true; }

  Drawn draw(const core::DrawKey& key, const volume::Frame&, const volume::Shape& patch) const override {
    core::Rng rng(key);
    if (!rng.chance(settings_.chance)) return drawn();
    std::vector<double> values;
    push_boxes(values, rng, patch, settings_.boxes, settings_.side_low, settings_.side_high);
    return drawn(std::move(values));
  }
  Drawn identity(const volume::Frame&, const volume::Shape&) const override { return drawn({0, 0, 0, 0, 0, 0}); }

  void change(const Drawn& drawn, const Patch& patch) const override {
    const auto marked = inside_boxes(drawn, 0, patch.image.shape);
    hide(patch, marked);
    for (std::int64_t c = 0; c < patch.image.channels; ++c) {
      const std::span<float> voxels = patch.image.channel(c);
      const auto mean = static_cast<float>(contents_of(voxels).mean);
      for (std::size_t i = 0; i < voxels.size(); ++i) {
        if (marked[i]) voxels[i] = mean;
      }
    }
  }

 private:
  Cutout settings_;
};

}  // namespace

OpPointer make(const Cutout& settings) { return std::make_shared<const CutoutOp>(settings); }
const OpEntry cutout_entry = entry_of<CutoutOp, Cutout>("cutout", "boxes become the channel's mean");

}  // namespace augment
