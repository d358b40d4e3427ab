#include "augment/ops/curve.h"

#include <algorithm>

#include "augment/curve_rows.h"
#include "augment/voxel_rows.h"

namespace augment {
namespace {

constexpr std::size_t kCells = 256;

// One coordinate of the curve from 0 to 1 at its parameter t.
double bezier(double first, double second, double t) {
  const double rest = 1 - t;
  return 3 * rest * rest * t * first + 3 * rest * t * t * second + t * t * t;
}

// The parameter at which the curve passes x; x never falls along it.
double parameter_at(double x, double first, double second) {
  double low = 0, high = 1;
  for (int halved = 0; halved < 50; ++halved) {
    const double middle = (low + high) / 2;
    (bezier(first, second, middle) < x ? low : high) = middle;
  }
  return (low + high) / 2;
}

void bend_channel(std::span<float> voxels, const double* point, bool upside_down) {
  const Contents contents = contents_of(voxels);
  if (!(contents.high > contents.low)) return;
  std::vector<float> added;
  for (std::size_t i = 0; i <= kCells; ++i) {
    const double x = static_cast<double>(i) / kCells;
    const double y = bezier(point[1], point[3], parameter_at(x, point[0], point[2]));
    added.push_back(static_cast<float>(((upside_down ? 1 - y : y) - x) *
                                       (static_cast<double>(contents.high) - static_cast<double>(contents.low))));
  }
  follow_curve(voxels, contents.low, contents.high, added);
}

class CurveOp final : public Op {
 public:
  explicit CurveOp(const Curve& settings) : settings_(settings) {}
  std::string_view name() const override { return "curve"; }

  Drawn draw(const core::DrawKey& key, const volume::Frame& frame, const volume::Shape&) const override {
    core::Rng rng(key);
    if (!rng.chance(settings_.chance)) return drawn();
    std::vector<double> values;
    for (std::int64_t c = 0; c < frame.channels; ++c) {
      for (int i = 0; i < 4; ++i) values.push_back(rng.uniform());
      values.push_back(rng.chance(settings_.upside_down) ? 1 : 0);
    }
    return drawn(std::move(values));
  }
  Drawn identity(const volume::Frame& frame, const volume::Shape&) const override {
    std::vector<double> values;
    for (std::int64_t c = 0; c < frame.channels; ++c) {
      values.insert(values.end(), {1.0 / 3, 1.0 / 3, 2.0 / 3, 2.0 / 3, 0});
    }
    return drawn(std::move(values));
  }

  void change(const Drawn& drawn, const Patch& patch) const override {
    drawn.require(5 * static_cast<std::size_t>(patch.image.channels));
    for (std::int64_t c = 0; c < patch.image.channels; ++c) {
      const double* values = drawn.values.data() + 5 * c;
      drawn.require(std::all_of(values, values + 4, [](double each) { return each >= 0 && each <= 1; }),
                    "control point");
      bend_channel(patch.image.channel(c), values, values[4] == 1);
    }
  }

 private:
  Curve settings_;
};

}  // namespace

OpPointer make(const Curve& settings) { return std::make_shared<const CurveOp>(settings); }
const OpEntry curve_entry = entry_of<CurveOp, Curve>("curve", "a channel's values through a monotone curve");

}  // namespace augment
