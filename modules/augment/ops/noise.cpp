#include "augment/ops/noise.h"

#include <cmath>
#include <numbers>

namespace augment {
namespace {

// (0, 1], so that its logarithm is finite.
float part_of(std::uint32_t word) { return (static_cast<float>(word >> 8) + 1.0f) * 0x1.0p-24f; }

// Adds `deviation` times a normal number to each voxel; the numbers depend on seed and channel alone.
void add_noise(std::span<float> voxels, std::uint64_t seed, std::uint32_t channel, float deviation) {
  const std::array<std::uint32_t, 2> key{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)};
  constexpr float kTurn = 2 * std::numbers::pi_v<float>;
  for (std::size_t i = 0; i < voxels.size(); i += 4) {
    const core::PhiloxBlock words = core::philox4x32({static_cast<std::uint32_t>(i / 4), channel, 0, 0}, key);
    std::array<float, 4> normal;
    for (std::size_t k = 0; k < 4; k += 2) {
      const float radius = deviation * std::sqrt(-2 * std::log(part_of(words[k])));
      const float angle = kTurn * part_of(words[k + 1]);
      normal[k] = radius * std::cos(angle);
      normal[k + 1] = radius * std::sin(angle);
    }
    for (std::size_t k = 0; k < 4 && i + k < voxels.size(); ++k) voxels[i + k] += normal[k];
  }
}

class NoiseOp final : public Op {
 public:
  explicit NoiseOp(const Noise& settings) : settings_(settings) {}
  std::string_view name() const override { return "noise"; }

  Drawn draw(const core::DrawKey& key, const volume::Frame& frame, const volume::Shape&) const override {
    core::Rng rng(key);
    if (!rng.chance(settings_.chance)) return drawn();
    std::vector<double> values;
    push_seed(values, (static_cast<std::uint64_t>(rng()) << 32) | rng());
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
