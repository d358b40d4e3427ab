#pragma once
// Files damaged as archives damage them, and as somebody would who means harm: the same from the same seed.

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string>
#include <vector>

#include "core/rng.h"

// One to four of: cut, flipped bits, a byte changed, a number of two or four bytes set to an edge, a piece taken out,
// put in twice or brought from another file.
inline std::string mutated(const std::vector<std::string>& files, std::size_t which, core::Rng& rng) {
  std::string bytes = files[which];
  const auto place = [&](std::size_t room) { return bytes.size() > room ? rng.below(bytes.size() - room) : 0; };
  for (std::uint64_t left = 1 + rng.below(4); left > 0 && bytes.size() > 8; --left) {
    switch (rng.below(7)) {
      case 0:
        bytes.resize(rng.chance(0.5) ? place(0) : bytes.size() - std::min<std::size_t>(bytes.size(), rng.below(64)));
        break;
      case 1:
        for (std::uint64_t bits = 1 + rng.below(8); bits > 0; --bits)
          bytes[place(1)] ^= static_cast<char>(1 << rng.below(8));
        break;
      case 2:
        bytes[place(1)] = static_cast<char>(rng.below(256));
        break;
      case 3: {  // what lengths, counts and offsets are made of
        static constexpr std::uint32_t kEdges[] = {0,       1,          2,          0x7F,       0x80,       0xFF,
                                                   0x7FFF,  0x8000,     0xFFFF,     0x10000,    0x7FFFFFFF, 0x80000000,
                                                   0xFFFE0, 0xFFFFFFFE, 0xFFFFFFFF, 0xE000FFFE, 0xE0DDFFFE};
        const std::uint32_t value = kEdges[rng.below(std::size(kEdges))];
        const std::size_t width = rng.chance(0.5) ? 2 : 4, at = place(4) & ~std::size_t{1};
        for (std::size_t i = 0; i < width; ++i) bytes[at + i] = static_cast<char>(value >> 8 * i & 0xFF);
        break;
      }
      case 4:
        bytes.erase(place(0), 1 + rng.below(16));
        break;
      case 5: {
        const std::string piece = bytes.substr(place(0), 1 + rng.below(64));
        bytes.insert(place(0), piece);
        break;
      }
      default: {
        const std::string& other = files[rng.below(files.size())];
        if (other.empty()) break;
        const std::size_t from = rng.below(other.size());
        bytes.replace(place(0), rng.below(64), other.substr(from, 1 + rng.below(256)));
      }
    }
  }
  return bytes;
}
