#pragma once
// What was decided for one op: plain numbers, enough to do the same again without the op's settings or its key.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/rng.h"

namespace augment {

// No values means: this op leaves the picture alone. What the values mean is said in the op's file.
struct Drawn {
  std::string op;
  std::vector<double> values;

  bool skipped() const { return values.empty(); }
  // Throws Error when there are not exactly `count` values (a log line of another version).
  void require(std::size_t count) const;
  // Throws Error when not `fits`, saying that `what` is out of range.
  void require(bool fits, const char* what) const;
  bool operator==(const Drawn&) const = default;
};

// "crop 16 16 16 0 3 4 0 | mirror 0 1 0 | noise". Numbers are written so that reading gives the same bits.
std::string to_line(const std::vector<Drawn>& drawn);
// Throws Error for what is no such line.
std::vector<Drawn> from_line(std::string_view line);

// 64 bits for an op that draws again where it is applied: the high word is drawn first.
std::uint64_t draw_seed(core::Rng& rng);
// A 64-bit seed kept as two whole numbers, which a double holds exactly.
void push_seed(std::vector<double>& values, std::uint64_t seed);
std::uint64_t seed_at(const std::vector<double>& values, std::size_t position);

}  // namespace augment
