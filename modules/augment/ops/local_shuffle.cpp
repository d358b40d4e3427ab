#include "augment/ops/local_shuffle.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace augment {
namespace {

// Where the voxels of a window lie in the view, drawn.
void draw_window(core::Rng& rng, const volume::Shape& view, const std::array<std::int64_t, 3>& most,
                 std::vector<std::size_t>& places) {
  std::array<std::int64_t, 3> side{}, begin{};
  for (std::size_t a = 0; a < 3; ++a) {
    side[a] = 1 + static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(most[a])));
    const std::int64_t room = view[static_cast<int>(a)] - side[a];
    begin[a] = static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(room) + 1));
  }
  places.clear();
  for (std::int64_t d = begin[0]; d < begin[0] + side[0]; ++d) {
    for (std::int64_t h = begin[1]; h < begin[1] + side[1]; ++h) {
      const std::int64_t row = (d * view.height + h) * view.width;
      for (std::int64_t w = begin[2]; w < begin[2] + side[2]; ++w) places.push_back(static_cast<std::size_t>(row + w));
    }
  }
}

class LocalShuffleOp final : public Op {
 public:
  explicit LocalShuffleOp(const LocalShuffle& settings) : settings_(settings) {}
  std::string_view name() const override { return "local_shuffle"; }

  Drawn draw(const core::DrawKey& key, const volume::Frame& frame, const volume::Shape&) const override {
    core::Rng rng(key);
    if (!rng.chance(settings_.chance)) return drawn();
    std::vector<double> values{rng.uniform(settings_.density_low, settings_.density_high)};
    const double finest = *std::min_element(frame.spacing_mm.begin(), frame.spacing_mm.end());
    for (const double spacing : frame.spacing_mm) {
      values.push_back(std::max(1.0, std::round(static_cast<double>(settings_.side) * finest / spacing)));
    }
    push_seed(values, draw_seed(rng));
    return drawn(std::move(values));
  }
  // Windows of one voxel.
  Drawn identity(const volume::Frame&, const volume::Shape&) const override { return drawn({1, 1, 1, 1, 0, 1}); }

  void change(const Drawn& drawn, const Patch& patch) const override {
    drawn.require(6);
    drawn.require(drawn.values[0] >= 0 && drawn.values[0] <= 16, "density");
    const volume::Shape& view = patch.image.shape;
    std::array<std::int64_t, 3> most{};
    double window = 1;  // voxels on average
    for (std::size_t a = 0; a < 3; ++a) {
      const double side = drawn.values[1 + a];
      drawn.require(side >= 1 && side <= 64, "side");
      most[a] = std::min(static_cast<std::int64_t>(side), view[static_cast<int>(a)]);
      window *= static_cast<double>(1 + most[a]) / 2;
    }
    const std::int64_t windows = std::llround(drawn.values[0] * static_cast<double>(view.voxels()) / window);
    core::Rng rng({seed_at(drawn.values, 4), 0, 0, 0});
    std::vector<std::size_t> places;
    for (std::int64_t i = 0; i < windows; ++i) {
      draw_window(rng, view, most, places);
      for (std::size_t left = places.size(); left > 1; --left) {
        const std::size_t one = places[left - 1], other = places[rng.below(left)];
        for (std::int64_t c = 0; c < patch.image.channels; ++c) {
          const std::span<float> voxels = patch.image.channel(c);
          std::swap(voxels[one], voxels[other]);
        }
      }
    }
  }

 private:
  LocalShuffle settings_;
};

}  // namespace

OpPointer make(const LocalShuffle& settings) { return std::make_shared<const LocalShuffleOp>(settings); }
const OpEntry local_shuffle_entry =
    entry_of<LocalShuffleOp, LocalShuffle>("local_shuffle", "voxels change places within small windows");

}  // namespace augment
