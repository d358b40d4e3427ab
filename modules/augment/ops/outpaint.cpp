#include "augment/ops/outpaint.h"

#include "augment/boxes.h"

namespace augment {
namespace {

class OutpaintOp final : public Op {
 public:
  explicit OutpaintOp(const Outpaint& settings) : settings_(settings) {}
  std::string_view name() const override { return "outpaint"; }
  bool hides() const override { return true; }

  Drawn draw(const core::DrawKey& key, const volume::Frame&, const volume::Shape& patch) const override {
    core::Rng rng(key);
    if (!rng.chance(settings_.chance)) return drawn();
    std::vector<double> values;
    push_seed(values, draw_seed(rng));
    push_boxes(values, rng, patch, settings_.boxes, settings_.side_low, settings_.side_high);
    return drawn(std::move(values));
  }
  Drawn identity(const volume::Frame&, const volume::Shape& patch) const override {
    std::vector<double> values{0, 1, 0, 0, 0};
    for (int a = 0; a < 3; ++a) values.push_back(static_cast<double>(patch[a]));
    return drawn(std::move(values));
  }

  void change(const Drawn& drawn, const Patch& patch) const override {
    auto marked = inside_boxes(drawn, 2, patch.image.shape);
    for (std::uint8_t& each : marked) each ^= 1;
    hide_with_noise(patch, marked, seed_at(drawn.values, 0));
  }

 private:
  Outpaint settings_;
};

}  // namespace

OpPointer make(const Outpaint& settings) { return std::make_shared<const OutpaintOp>(settings); }
const OpEntry outpaint_entry =
    entry_of<OutpaintOp, Outpaint>("outpaint", "all but some boxes becomes noise, to be filled in");

}  // namespace augment
