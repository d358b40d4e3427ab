#include "volume/likeness.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <numbers>
#include <type_traits>

#include "core/error.h"
#include "core/parallel.h"
#include "volume/reorient.h"

namespace volume {
namespace {

constexpr std::size_t kSide = 16;
constexpr std::size_t kBits = 256;
using Cube = std::array<double, kSide * kSide * kSide>;  // {d, h, w}

// How an axis of n voxels is parted into 16 equal blocks: each takes a share of some voxels.
struct Block {
  std::int64_t first, last;        // voxels, both taken
  double first_share, last_share;  // of their length; all between are taken whole
};

std::array<Block, kSide> blocks_of(std::int64_t voxels) {
  std::array<Block, kSide> blocks{};
  const auto side = static_cast<std::int64_t>(kSide);
  for (std::int64_t b = 0; b < side; ++b) {
    Block& block = blocks[static_cast<std::size_t>(b)];
    block.first = b * voxels / side;
    block.last = ((b + 1) * voxels - 1) / side;
    const double low = static_cast<double>(b * voxels) / kSide, high = static_cast<double>((b + 1) * voxels) / kSide;
    block.first_share = std::min(high, static_cast<double>(block.first + 1)) - low;
    block.last_share = high - static_cast<double>(block.last);
  }
  return blocks;
}

double share_of(const Block& block, std::int64_t voxel) {
  return voxel == block.first ? block.first_share : voxel == block.last ? block.last_share : 1.0;
}

// Sums of a row over the blocks of its axis.
template <class T>
std::array<double, kSide> row_sums(const T* row, const std::array<Block, kSide>& blocks) {
  using Sum = std::conditional_t<std::is_integral_v<T>, std::int64_t, double>;
  std::array<double, kSide> sums{};
  for (std::size_t b = 0; b < kSide; ++b) {
    const Block& block = blocks[b];
    Sum whole = 0;
    for (std::int64_t i = block.first + 1; i < block.last; ++i) whole += static_cast<Sum>(row[i]);
    sums[b] = static_cast<double>(whole) + block.first_share * static_cast<double>(row[block.first]);
    if (block.last > block.first) sums[b] += block.last_share * static_cast<double>(row[block.last]);
  }
  return sums;
}

template <class T>
Cube block_sums(const Volume& image) {
  const Shape& shape = image.shape();
  const auto slices = blocks_of(shape.depth), rows = blocks_of(shape.height), columns = blocks_of(shape.width);
  Cube cube{};
  std::array<double, kSide * kSide> plane{};
  const T* row = image.voxels<T>().data();
  for (std::int64_t d = 0; d < shape.depth; ++d) {
    plane.fill(0);
    for (std::int64_t h = 0; h < shape.height; ++h, row += shape.width) {
      const std::array<double, kSide> sums = row_sums(row, columns);
      for (std::size_t b = 0; b < kSide; ++b) {
        if (h < rows[b].first || h > rows[b].last) continue;
        const double share = share_of(rows[b], h);
        for (std::size_t w = 0; w < kSide; ++w) plane[b * kSide + w] += share * sums[w];
      }
    }
    for (std::size_t b = 0; b < kSide; ++b) {
      if (d < slices[b].first || d > slices[b].last) continue;
      const double share = share_of(slices[b], d);
      for (std::size_t i = 0; i < plane.size(); ++i) cube[b * plane.size() + i] += share * plane[i];
    }
  }
  return cube;
}

Cube on_body_axes(const Cube& cube, const Turn& turn) {
  Cube turned{};
  std::array<std::size_t, 3> at{};
  for (at[0] = 0; at[0] < kSide; ++at[0]) {
    for (at[1] = 0; at[1] < kSide; ++at[1]) {
      for (at[2] = 0; at[2] < kSide; ++at[2]) {
        std::array<std::size_t, 3> old{};
        for (std::size_t a = 0; a < 3; ++a)
          old[static_cast<std::size_t>(turn.from[a])] = turn.flipped[a] ? kSide - 1 - at[a] : at[a];
        turned[(at[0] * kSide + at[1]) * kSide + at[2]] = cube[(old[0] * kSide + old[1]) * kSide + old[2]];
      }
    }
  }
  return turned;
}

// DCT-II along the last axis, which becomes the first: three times transforms all.
Cube transformed_along_last(const Cube& cube) {
  static const std::array<double, kSide* kSide> kWaves = [] {
    std::array<double, kSide * kSide> waves{};
    for (std::size_t f = 0; f < kSide; ++f) {
      for (std::size_t i = 0; i < kSide; ++i)
        waves[f * kSide + i] =
            std::cos(std::numbers::pi * static_cast<double>(f) * (static_cast<double>(i) + 0.5) / kSide);
    }
    return waves;
  }();
  Cube result{};
  for (std::size_t line = 0; line < kSide * kSide; ++line) {
    for (std::size_t f = 0; f < kSide; ++f) {
      double sum = 0;
      for (std::size_t i = 0; i < kSide; ++i) sum += kWaves[f * kSide + i] * cube[line * kSide + i];
      result[f * kSide * kSide + line] = sum;
    }
  }
  return result;
}

// The lowest frequencies, the mean left out.
const std::vector<std::size_t>& lowest_frequencies() {
  static const std::vector<std::size_t> kLowest = [] {
    std::vector<std::size_t> all;
    for (std::size_t i = 1; i < kSide * kSide * kSide; ++i) all.push_back(i);
    const auto size = [](std::size_t i) {
      const std::size_t d = i / (kSide * kSide), h = i / kSide % kSide, w = i % kSide;
      return d * d + h * h + w * w;
    };
    std::stable_sort(all.begin(), all.end(), [&](std::size_t a, std::size_t b) { return size(a) < size(b); });
    all.resize(kBits);
    return all;
  }();
  return kLowest;
}

}  // namespace

Likeness likeness_of(const Volume& image) {
  const Cube sums = with_type(image.type(), [&]<class T>(T) { return block_sums<T>(image); });
  Cube cube = on_body_axes(sums, turn_towards(image.geometry, "SPL"));
  for (int axis = 0; axis < 3; ++axis) cube = transformed_along_last(cube);
  double energy = 0;
  for (const std::size_t i : lowest_frequencies()) energy += cube[i] * cube[i];
  // What is nothing but rounding counts as none.
  const double nothing = 1e-6 * std::sqrt(energy), sign = image.scale < 0 ? -1 : 1;
  Likeness likeness;
  for (std::size_t bit = 0; bit < kBits; ++bit) {
    if (sign * cube[lowest_frequencies()[bit]] > nothing) likeness.bits[bit / 64] |= std::uint64_t{1} << (bit % 64);
  }
  return likeness;
}

int differing_bits(const Likeness& a, const Likeness& b) {
  int count = 0;
  for (std::size_t i = 0; i < a.bits.size(); ++i) count += std::popcount(a.bits[i] ^ b.bits[i]);
  return count;
}

std::string hex_of(const Likeness& likeness) {
  std::string text;
  for (const std::uint64_t word : likeness.bits) {
    for (int shift = 60; shift >= 0; shift -= 4) text += "0123456789abcdef"[word >> shift & 15];
  }
  return text;
}

Likeness likeness_from(std::string_view hex_digits) {
  GADOLIN_CHECK(hex_digits.size() == 64);
  Likeness likeness;
  for (std::size_t i = 0; i < likeness.bits.size(); ++i) {
    const char* begin = hex_digits.data() + 16 * i;
    GADOLIN_CHECK(std::from_chars(begin, begin + 16, likeness.bits[i], 16).ptr == begin + 16);
  }
  return likeness;
}

std::vector<std::pair<std::size_t, std::size_t>> alike_pairs(std::span<const Likeness> pictures, int threads,
                                                             std::size_t most) {
  std::vector<std::vector<std::size_t>> partners(pictures.size());
  core::parallel_for(static_cast<std::int64_t>(pictures.size()), threads, [&](std::int64_t i) {
    const auto first = static_cast<std::size_t>(i);
    for (std::size_t second = first + 1; second < pictures.size(); ++second) {
      if (differing_bits(pictures[first], pictures[second]) <= kAlikeBits && partners[first].size() < most)
        partners[first].push_back(second);
    }
  });
  std::vector<std::pair<std::size_t, std::size_t>> pairs;
  for (std::size_t first = 0; first < partners.size(); ++first) {
    for (const std::size_t second : partners[first]) {
      if (pairs.size() < most) pairs.emplace_back(first, second);
    }
  }
  return pairs;
}

}  // namespace volume
