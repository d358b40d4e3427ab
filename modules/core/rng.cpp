#include "core/rng.h"

#include <cmath>
#include <numbers>
#include <utility>

#include "core/error.h"

namespace core {

PhiloxBlock philox4x32(PhiloxBlock c, std::array<std::uint32_t, 2> k) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = 0xD2511F53ull * c[0];
    const std::uint64_t p1 = 0xCD9E8D57ull * c[2];
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k[0], static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k[1], static_cast<std::uint32_t>(p0)};
    k[0] += 0x9E3779B9u;
    k[1] += 0xBB67AE85u;
  }
  return c;
}

// Word 0 counts the blocks of a stream; sample, view and op fill the other words. View and op share a word: 65536 of
// each.
Rng::Rng(const DrawKey& key)
    : counter_{0, static_cast<std::uint32_t>(key.sample), static_cast<std::uint32_t>(key.sample >> 32),
               (key.view << 16) | (key.op & 0xffffu)},
      key_{static_cast<std::uint32_t>(key.seed), static_cast<std::uint32_t>(key.seed >> 32)} {
  GADOLIN_CHECK(key.view < 65536 && key.op < 65536);
}

Rng::result_type Rng::operator()() {
  if (used_ == 4) {
    block_ = philox4x32(counter_, key_);
    ++counter_[0];
    used_ = 0;
  }
  return block_[static_cast<std::size_t>(used_++)];
}

double Rng::uniform() {
  const std::uint64_t high = (*this)();
  const std::uint64_t low = (*this)();
  return static_cast<double>(((high << 32) | low) >> 11) * 0x1.0p-53;
}

double Rng::uniform(double low, double high) { return low + (high - low) * uniform(); }

double Rng::normal() {
  if (std::exchange(has_spare_, false)) return spare_normal_;
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  const double angle = 2.0 * std::numbers::pi * uniform();
  spare_normal_ = radius * std::sin(angle);
  has_spare_ = true;
  return radius * std::cos(angle);
}

bool Rng::chance(double probability) { return uniform() < probability; }

std::uint64_t Rng::below(std::uint64_t bound) {
  GADOLIN_CHECK(bound > 0);
  const std::uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
  for (;;) {
    const std::uint64_t high = (*this)();
    const std::uint64_t value = (high << 32) | (*this)();
    if (value < limit) return value % bound;
  }
}

}  // namespace core
