#include "augment/placement.h"

#include <algorithm>
#include <cmath>

namespace augment {
namespace {

// A view number that no view has: the key of what the views of a sample share.
constexpr std::uint32_t kNoView = 65535;

// A voxel of a class drawn among the classes that are there; none when there is no location at all.
const volume::Voxel* draw_location(core::Rng& rng, const volume::Frame& frame) {
  std::size_t classes = 0;
  for (const auto& each : frame.locations) classes += each.empty() ? 0 : 1;
  if (classes == 0) return nullptr;
  std::size_t wanted = rng.below(classes);
  for (const auto& each : frame.locations) {
    if (each.empty()) continue;
    if (wanted-- == 0) return &each[rng.below(each.size())];
  }
  return nullptr;
}

double settle(double start, double room, bool whole) {
  if (room <= 0) return whole ? std::floor(room / 2) : room / 2;
  const double inside = std::clamp(start, 0.0, whole ? std::floor(room) : room);
  return whole ? std::floor(inside) : inside;
}

}  // namespace

std::array<double, 3> place(core::Rng& rng, const core::DrawKey& key, const volume::Frame& frame,
                            const std::array<double, 3>& extent, const std::array<bool, 3>& whole,
                            const Placement& placement) {
  const bool together = placement.spread >= 0;
  core::Rng shared({key.seed, key.sample, kNoView, 0});
  core::Rng& where = together ? shared : rng;
  const bool wanted = where.chance(placement.foreground);
  const volume::Voxel* location = wanted ? draw_location(where, frame) : nullptr;
  std::array<double, 3> start{};
  for (int a = 0; a < 3; ++a) {
    const double room = static_cast<double>(frame.shape[a]) - extent[a];
    if (placement.centre) {
      start[a] = room / 2;
    } else if (location != nullptr) {
      start[a] = static_cast<double>((*location)[a]) + 0.5 - extent[a] / 2;
    } else {
      // Whole starts are equally likely, the last one too.
      start[a] = where.uniform() * (whole[a] && !together ? std::floor(room) + 1 : room);
    }
    if (together && !placement.centre) start[a] += rng.uniform(-0.5, 0.5) * placement.spread * extent[a];
    start[a] = settle(start[a], room, whole[a]);
  }
  return start;
}

}  // namespace augment
