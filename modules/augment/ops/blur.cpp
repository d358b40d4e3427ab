#include "augment/ops/blur.h"

#include <algorithm>

namespace augment {
namespace {

class BlurOp final : public Op {
 public:
  explicit BlurOp(const Blur& settings) : settings_(settings) {}
  std::string_view name() const override { return "blur"; }

  Drawn draw(const core::DrawKey& key, const volume::Frame& frame, const volume::Shape&) const override {
    core::Rng rng(key);
    if (!rng.chance(settings_.chance)) return drawn();
    const double finest = *std::min_element(frame.spacing_mm.begin(), frame.spacing_mm.end());
    std::vector<double> values;
    for (std::int64_t c = 0; c < frame.channels; ++c) {
      const bool wanted = rng.chance(settings_.channel_chance) || frame.channels == 1;
      const double sigma = rng.uniform(settings_.low, settings_.high);
      for (const double spacing : frame.spacing_mm) values.push_back(wanted ? sigma * finest / spacing : 0);
    }
    return drawn(std::move(values));
  }
  Drawn identity(const volume::Frame& frame, const volume::Shape&) const override {
    return drawn(std::vector<double>(3 * static_cast<std::size_t>(frame.channels)));
  }

  void change(const Drawn& drawn, const Patch& patch) const override {
    filter(patch.image, blur_filters(drawn, patch.image.channels, patch.image.shape));
  }

 private:
  Blur settings_;
};

}  // namespace

AxisFilters blur_filters(const Drawn& drawn, std::int64_t channels, const volume::Shape& view) {
  drawn.require(3 * static_cast<std::size_t>(channels));
  constexpr double kNothing = 0.2;  // a neighbour would get less than 1e-5
  AxisFilters filters(drawn.values.size());
  for (std::size_t i = 0; i < filters.size(); ++i) {
    const std::int64_t extent = view[static_cast<int>(i % 3)];
    if (drawn.values[i] < kNothing || extent == 1) continue;
    filters[i] = gaussian(extent, drawn.values[i]);
  }
  return filters;
}

OpPointer make(const Blur& settings) { return std::make_shared<const BlurOp>(settings); }
const OpEntry blur_entry = entry_of<BlurOp, Blur>("blur", "Gaussian blur");

}  // namespace augment
