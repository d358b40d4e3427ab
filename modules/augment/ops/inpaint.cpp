#include "augment/ops/inpaint.h"

#include "augment/boxes.h"

namespace augment {
namespace {

class InpaintOp final : public Op {
 public:
  explicit InpaintOp(const Inpaint& settings) : settings_(settings) {}
  std::string_view name() const override { return "inpaint"; }
  bool hides() const override { return true; }

  Drawn draw(const core::DrawKey& key, const volume::Frame&, const volume::Shape& patch) const override {
    core::Rng rng(key);
    if (!rng.chance(settings_.chance)) return drawn();
    std::vector<double> values;
    push_seed(values, draw_seed(rng));
    push_boxes(values, rng, patch, settings_.boxes, settings_.side_low, settings_.side_high);
    return drawn(std::move(values));
  }
  Drawn identity(const volume::Frame&, const volume::Shape&) const override { return drawn({0, 1, 0, 0, 0, 0, 0, 0}); }

  void change(const Drawn& drawn, const Patch& patch) const override {
    const auto marked = inside_boxes(drawn, 2, patch.image.shape);
    hide_with_noise(patch, marked, seed_at(drawn.values, 0));
  }

 private:
  Inpaint settings_;
};

}  // namespace

OpPointer make(const Inpaint& settings) { return std::make_shared<const InpaintOp>(settings); }
const OpEntry inpaint_entry = entry_of<InpaintOp, Inpaint>("inpaint", "boxes become noise, to be filled in");

}  // namespace augment
