#include "augment/ops/spike.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "augment/voxel_rows.h"

namespace augment {
namespace {

constexpr double kTurn = 2 * std::numbers::pi;

// amplitude * cos(phase + a turn for each wave). By the sum of angles, so that a row needs no cosine of its own.
void add_wave(std::span<float> voxels, const volume::Shape& shape, const double* waves, double amplitude,
              double phase) {
  const auto angle = [&](int axis, std::int64_t i) {
    return kTurn * waves[axis] * static_cast<double>(i) / static_cast<double>(shape[axis]);
  };
  std::vector<float> cosine, sine;
  for (std::int64_t w = 0; w < shape.width; ++w) {
    cosine.push_back(static_cast<float>(std::cos(angle(2, w))));
    sine.push_back(static_cast<float>(std::sin(angle(2, w))));
  }
  float* row = voxels.data();
  for (std::int64_t d = 0; d < shape.depth; ++d) {
    for (std::int64_t h = 0; h < shape.height; ++h, row += shape.width) {
      const double begin = phase + angle(0, d) + angle(1, h);
      const auto of_cosine = static_cast<float>(amplitude * std::cos(begin));
      const auto of_sine = static_cast<float>(amplitude * std::sin(begin));
      for (std::size_t w = 0; w < cosine.size(); ++w) row[w] += of_cosine * cosine[w] - of_sine * sine[w];
    }
  }
}

class SpikeOp final : public Op {
 public:
  explicit SpikeOp(const Spike& settings) : settings_(settings) {}
  std::string_view name() const override { return "spike"; }

  Drawn draw(const core::DrawKey& key, const volume::Frame& frame, const volume::Shape& patch) const override {
    core::Rng rng(key);
    if (!rng.chance(settings_.chance)) return drawn();
    std::vector<double> values;
    for (std::int64_t c = 0; c < frame.channels; ++c) {
      const std::array<double, 3> waves = draw_waves(rng, patch);
      values.insert(values.end(), waves.begin(), waves.end());
      values.push_back(rng.uniform(settings_.low, settings_.high));
      values.push_back(rng.uniform(0, kTurn));
    }
    return drawn(std::move(values));
  }
  Drawn identity(const volume::Frame& frame, const volume::Shape&) const override {
    std::vector<double> values;
    for (std::int64_t c = 0; c < frame.channels; ++c) values.insert(values.end(), {1, 2, 3, 0, 1});
    return drawn(std::move(values));
  }

  void change(const Drawn& drawn, const Patch& patch) const override {
    drawn.require(5 * static_cast<std::size_t>(patch.image.channels));
    for (std::int64_t c = 0; c < patch.image.channels; ++c) {
      const double* values = drawn.values.data() + 5 * c;
      drawn.require(std::all_of(values, values + 3, [](double each) { return std::abs(each) <= 1e6; }), "wave");
      drawn.require(values[3] >= 0 && values[3] <= 1e6 && std::abs(values[4]) <= 1e6, "amplitude or phase");
      const std::span<float> voxels = patch.image.channel(c);
      add_wave(voxels, patch.image.shape, values, values[3] * contents_of(voxels).deviation, values[4]);
    }
  }

 private:
  // Any point within reach but the middle one, which would be brightness; that one only if there is no other.
  std::array<double, 3> draw_waves(core::Rng& rng, const volume::Shape& patch) const {
    std::array<std::int64_t, 3> most{};
    int longest = 0;
    for (int a = 0; a < 3; ++a) {
      most[static_cast<std::size_t>(a)] = std::llround(std::floor(settings_.reach * static_cast<double>(patch[a] / 2)));
      if (patch[a] > patch[longest]) longest = a;
    }
    std::array<double, 3> waves{};
    for (std::size_t a = 0; a < 3; ++a) {
      waves[a] =
          static_cast<double>(rng.below(static_cast<std::uint64_t>(2 * most[a] + 1))) - static_cast<double>(most[a]);
    }
    if (waves == std::array<double, 3>{}) waves[static_cast<std::size_t>(longest)] = patch[longest] > 1 ? 1 : 0;
    return waves;
  }

  Spike settings_;
};

}  // namespace

OpPointer make(const Spike& settings) { return std::make_shared<const SpikeOp>(settings); }
const OpEntry spike_entry = entry_of<SpikeOp, Spike>("spike", "stripes: one point of k-space too bright");

}  // namespace augment
