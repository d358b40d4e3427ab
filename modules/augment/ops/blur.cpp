#include "augment/ops/blur.h"

#include <algorithm>

#include "augment/axis_filter.h"

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
    drawn.require(3 * static_cast<std::size_t>(patch.image.channels));
    constexpr double kNothing = 0.2;  // a neighbour would get less than 1e-5
    for (std::size_t i = 0; i < drawn.values.size(); ++i) {
      const double sigma = drawn.values[i];
      const int axis = static_cast<int>(i % 3);
      if (sigma < kNothing || patch.image.shape[axis] == 1) continue;
      filter(patch.image.channel(static_cast<std::int64_t>(i / 3)), patch.image.shape, axis,
             gaussian(patch.image.shape[axis], sigma));
    }
  }

 private:
  Blur settings_;
};

}  // namespace

OpPointer make(const Blur& settings) { return std::make_shared<const BlurOp>(settings); }
const OpEntry blur_entry = entry_of<BlurOp, Blur>("blur", "Gaussian blur");

}  // namespace augment
