#include "augment/ops/noise.h"

#include "augment/voxel_rows.h"

namespace augment {
namespace {

class NoiseOp final : public Op {
 public:
  explicit NoiseOp(const Noise& settings) : settings_(settings) {}
  std::string_view name() const override { return "noise"; }

  Drawn draw(const core::DrawKey& key, const volume::Frame& frame, const volume::Shape&) const override {
    core::Rng rng(key);
    if (!rng.chance(settings_.chance)) return drawn();
    std::vector<double> values;
    push_seed(values, draw_seed(rng));
    for (std::int64_t c = 0; c < frame.channels; ++c) values.push_back(rng.uniform(0, settings_.level));
    return drawn(std::move(values));
  }
  Drawn identity(const volume::Frame& frame, const volume::Shape&) const override {
    return drawn(std::vector<double>(2 + static_cast<std::size_t>(frame.channels)));
  }

  void change(const Drawn& drawn, const Patch& patch) const override {
    drawn.require(2 + static_cast<std::size_t>(patch.image.channels));
    const std::uint64_t seed = seed_at(drawn.values, 0);
    for (std::int64_t c = 0; c < patch.image.channels; ++c) {
      const std::span<float> voxels = patch.image.channel(c);
      const double deviation = drawn.values[2 + static_cast<std::size_t>(c)] * contents_of(voxels).deviation;
      add_noise(voxels, seed, static_cast<std::uint32_t>(c), static_cast<float>(deviation));
    }
  }

 private:
  Noise settings_;
};

}  // namespace

OpPointer make(const Noise& settings) { return std::make_shared<const NoiseOp>(settings); }
const OpEntry noise_entry = entry_of<NoiseOp, Noise>("noise", "Gaussian noise");

}  // namespace augment
