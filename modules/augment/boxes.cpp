#include "augment/boxes.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "augment/voxel_rows.h"
#include "core/error.h"

namespace augment {
namespace {

constexpr std::size_t kNumbers = 6;

void mark(std::vector<std::uint8_t>& marked, const volume::Shape& view, const std::array<std::int64_t, 3>& begin,
          const std::array<std::int64_t, 3>& side) {
  for (std::int64_t d = begin[0]; d < begin[0] + side[0]; ++d) {
    for (std::int64_t h = begin[1]; h < begin[1] + side[1]; ++h) {
      std::fill_n(marked.begin() + (d * view.height + h) * view.width + begin[2], side[2], std::uint8_t{1});
    }
  }
}

}  // namespace

void push_boxes(std::vector<double>& values, core::Rng& rng, const volume::Shape& view, std::int64_t most, double low,
                double high) {
  const std::uint64_t count = 1 + rng.below(static_cast<std::uint64_t>(most));
  for (std::uint64_t box = 0; box < count; ++box) {
    std::array<double, 3> side{};
    for (int a = 0; a < 3; ++a) {
      const auto extent = static_cast<double>(view[a]);
      side[static_cast<std::size_t>(a)] = std::clamp(std::round(rng.uniform(low, high) * extent), 1.0, extent);
      const double room = extent - side[static_cast<std::size_t>(a)];
      values.push_back(static_cast<double>(rng.below(static_cast<std::uint64_t>(room) + 1)));
    }
    values.insert(values.end(), side.begin(), side.end());
  }
}

std::vector<std::uint8_t> inside_boxes(const Drawn& drawn, std::size_t first, const volume::Shape& view) {
  const std::vector<double>& values = drawn.values;
  drawn.require(values.size() >= first && (values.size() - first) % kNumbers == 0, "list of boxes");
  std::vector<std::uint8_t> marked(static_cast<std::size_t>(view.voxels()));
  for (std::size_t at = first; at < values.size(); at += kNumbers) {
    std::array<std::int64_t, 3> begin{}, side{};
    for (std::size_t a = 0; a < 3; ++a) {
      const double from = values[at + a], length = values[at + 3 + a];
      const bool whole = from == std::floor(from) && length == std::floor(length);
      const bool fits = from >= 0 && length >= 0 && from + length <= static_cast<double>(view[static_cast<int>(a)]);
      drawn.require(whole && fits, "box");
      begin[a] = static_cast<std::int64_t>(from);
      side[a] = static_cast<std::int64_t>(length);
    }
    mark(marked, view, begin, side);
  }
  return marked;
}

void hide(const Patch& patch, std::span<const std::uint8_t> marked) {
  GADOLIN_CHECK(marked.size() == patch.hidden.size());
  for (std::size_t i = 0; i < marked.size(); ++i) patch.hidden[i] |= marked[i];
}

void hide_with_noise(const Patch& patch, std::span<const std::uint8_t> marked, std::uint64_t seed) {
  hide(patch, marked);
  const std::array<std::uint32_t, 2> key{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)};
  for (std::int64_t c = 0; c < patch.image.channels; ++c) {
    const std::span<float> voxels = patch.image.channel(c);
    const Contents contents = contents_of(voxels);
    const float unit = (contents.high - contents.low) * 0x1.0p-24f;
    for (std::size_t block = 0; block < voxels.size(); block += 4) {
      const std::size_t end = std::min(block + 4, voxels.size());
      if (std::find(marked.begin() + block, marked.begin() + end, std::uint8_t{1}) == marked.begin() + end) continue;
      const core::PhiloxBlock words =
          core::philox4x32({static_cast<std::uint32_t>(block / 4), static_cast<std::uint32_t>(c), 0, 0}, key);
      for (std::size_t i = block; i < end; ++i) {
        if (marked[i]) voxels[i] = contents.low + static_cast<float>(words[i - block] >> 8) * unit;
      }
    }
  }
}

}  // namespace augment
