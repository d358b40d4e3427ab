#include "augment/ops/ghosting.h"

#include "augment/k_space.h"
#include "core/error.h"

namespace augment {
namespace {

class GhostingOp final : public Op {
 public:
  explicit GhostingOp(const Ghosting& settings) : settings_(settings) {
    if (settings.every_low > settings.every_high) {
      throw core::usage_error("augmentation ghosting: every_low is greater than every_high");
    }
  }
  std::string_view name() const override { return "ghosting"; }

  Drawn draw(const core::DrawKey& key, const volume::Frame& frame, const volume::Shape& patch) const override {
    core::Rng rng(key);
    if (!rng.chance(settings_.chance)) return drawn();
    std::vector<double> values{static_cast<double>(draw_line_axis(rng, frame, patch))};
    const auto spread = static_cast<std::uint64_t>(settings_.every_high - settings_.every_low);
    for (std::int64_t c = 0; c < frame.channels; ++c) {
      values.push_back(static_cast<double>(settings_.every_low) + static_cast<double>(rng.below(spread + 1)));
      values.push_back(rng.uniform(settings_.lost_low, settings_.lost_high));
    }
    return drawn(std::move(values));
  }
  Drawn identity(const volume::Frame& frame, const volume::Shape&) const override {
    std::vector<double> values{1};
    for (std::int64_t c = 0; c < frame.channels; ++c) values.insert(values.end(), {2, 0});
    return drawn(std::move(values));
  }

  void change(const Drawn& drawn, const Patch& patch) const override {
    drawn.require(1 + 2 * static_cast<std::size_t>(patch.image.channels));
    const int axis = line_axis_at(drawn, 0);
    const std::int64_t extent = patch.image.shape[axis];
    for (std::int64_t c = 0; c < patch.image.channels; ++c) {
      const double* values = drawn.values.data() + 1 + 2 * c;
      drawn.require(values[0] >= 2 && values[0] <= 1e6, "distance of lines");
      drawn.require(values[1] >= 0 && values[1] <= 1, "part that is lost");
      std::vector<double> kept(static_cast<std::size_t>(extent / 2 + 1), 1.0);
      const auto every = static_cast<std::size_t>(values[0]);
      for (std::size_t line = every; line < kept.size(); line += every) kept[line] = 1 - values[1];
      filter(patch.image.channel(c), patch.image.shape, axis, keeping_lines(extent, kept));
    }
  }

 private:
  Ghosting settings_;
};

}  // namespace

OpPointer make(const Ghosting& settings) { return std::make_shared<const GhostingOp>(settings); }
const OpEntry ghosting_entry = entry_of<GhostingOp, Ghosting>("ghosting", "faint copies of the picture along one axis");

}  // namespace augment
