#pragma once
// Whether two pictures show the same: 256 bits that stay nearly the same when a picture is scaled in value, resampled,
// stored with its axes in another order or slightly noisy, and of which about half differ between strangers.
//
// Means over 16 x 16 x 16 blocks of the grid, turned to S, P, L; the signs of the 256 lowest frequencies of their
// cosine transform but the mean. (The idea is that of perceptual hashes of pictures: Zauner, "Implementation and
// benchmarking of perceptual image hash functions", 2010.) One pass over the voxels. Pure, safe from many threads.

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "volume/volume.h"

namespace volume {

struct Likeness {
  std::array<std::uint64_t, 4> bits{};
  bool operator==(const Likeness&) const = default;
};

Likeness likeness_of(const Volume& image);

int differing_bits(const Likeness& a, const Likeness& b);
// At most so many differ between two versions of one picture.
inline constexpr int kAlikeBits = 16;

std::string hex_of(const Likeness& likeness);         // 64 digits
Likeness likeness_from(std::string_view hex_digits);  // other text is our bug

// All pairs (first < second) that are alike, in order; at most `most` of them. Quadratic: a second for 50,000 pictures
// a core.
std::vector<std::pair<std::size_t, std::size_t>> alike_pairs(std::span<const Likeness> pictures, int threads,
                                                             std::size_t most = 100'000);

}  // namespace volume
