#include "augment/ops/swap.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace augment {
namespace {

constexpr std::size_t kNumbers = 9;
constexpr int kTries = 16;  // for a second box that does not meet the first

using Corner = std::array<std::int64_t, 3>;

Corner draw_corner(core::Rng& rng, const volume::Shape& view, const Corner& side) {
  Corner corner{};
  for (std::size_t a = 0; a < 3; ++a)
    corner[a] =
        static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(view[static_cast<int>(a)] - side[a]) + 1));
  return corner;
}

bool meet(const Corner& one, const Corner& other, const Corner& side) {
  for (std::size_t a = 0; a < 3; ++a) {
    if (std::abs(one[a] - other[a]) >= side[a]) return false;
  }
  return true;
}

class SwapOp final : public Op {
 public:
  explicit SwapOp(const Swap& settings) : settings_(settings) {}
  std::string_view name() const override { return "swap"; }

  // Boxes that meet are left where they are: a pair that finds no room does nothing.
  Drawn draw(const core::DrawKey& key, const volume::Frame&, const volume::Shape& patch) const override {
    core::Rng rng(key);
    if (!rng.chance(settings_.chance)) return drawn();
    std::vector<double> values;
    for (std::int64_t pair = 0; pair < settings_.pairs; ++pair) {
      Corner side{};
      for (std::size_t a = 0; a < 3; ++a) {
        const auto extent = static_cast<double>(patch[static_cast<int>(a)]);
        side[a] = static_cast<std::int64_t>(
            std::clamp(std::round(rng.uniform(settings_.side_low, settings_.side_high) * extent), 1.0, extent));
      }
      const Corner one = draw_corner(rng, patch, side);
      Corner other = draw_corner(rng, patch, side);
      for (int i = 0; i < kTries && meet(one, other, side); ++i) other = draw_corner(rng, patch, side);
      if (meet(one, other, side)) other = one;
      for (const Corner& each : {side, one, other}) values.insert(values.end(), each.begin(), each.end());
    }
    return drawn(std::move(values));
  }
  Drawn identity(const volume::Frame&, const volume::Shape&) const override {
    return drawn({1, 1, 1, 0, 0, 0, 0, 0, 0});
  }

  void change(const Drawn& drawn, const Patch& patch) const override {
    drawn.require(drawn.values.size() % kNumbers == 0, "list of pairs of boxes");
    const volume::Shape& view = patch.image.shape;
    for (std::size_t at = 0; at < drawn.values.size(); at += kNumbers) {
      const Corner side = corner_at(drawn, at), one = corner_at(drawn, at + 3), other = corner_at(drawn, at + 6);
      for (std::size_t a = 0; a < 3; ++a) {
        const std::int64_t extent = view[static_cast<int>(a)];
        drawn.require(side[a] >= 1 && one[a] >= 0 && other[a] >= 0 && side[a] <= extent - std::max(one[a], other[a]),
                      "box");
      }
      drawn.require(one == other || !meet(one, other, side), "boxes that meet");
      if (one != other) exchange(patch, side, one, other);
    }
  }

 private:
  static Corner corner_at(const Drawn& drawn, std::size_t first) {
    constexpr double kMost = 1 << 20;
    Corner corner{};
    for (std::size_t a = 0; a < 3; ++a) {
      const double value = drawn.values[first + a];
      drawn.require(value == std::floor(value) && std::abs(value) <= kMost, "box");
      corner[a] = static_cast<std::int64_t>(value);
    }
    return corner;
  }

  static void exchange(const Patch& patch, const Corner& side, const Corner& one, const Corner& other) {
    const volume::Shape& view = patch.image.shape;
    const auto row = [&](std::span<float> voxels, const Corner& corner, std::int64_t d, std::int64_t h) {
      return voxels.begin() + ((corner[0] + d) * view.height + corner[1] + h) * view.width + corner[2];
    };
    for (std::int64_t c = 0; c < patch.image.channels; ++c) {
      const std::span<float> voxels = patch.image.channel(c);
      for (std::int64_t d = 0; d < side[0]; ++d) {
        for (std::int64_t h = 0; h < side[1]; ++h) {
          const auto first = row(voxels, one, d, h);
          std::swap_ranges(first, first + side[2], row(voxels, other, d, h));
        }
      }
    }
  }

  Swap settings_;
};

}  // namespace

OpPointer make(const Swap& settings) { return std::make_shared<const SwapOp>(settings); }
const OpEntry swap_entry = entry_of<SwapOp, Swap>("swap", "pairs of boxes change places");

}  // namespace augment
