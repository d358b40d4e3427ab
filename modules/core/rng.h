#pragma once
// Counter-based random numbers: what is drawn depends on the key alone, so any thread, any device and any resumed run
// draws the same. Philox4x32-10 of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.

#include <array>
#include <cstdint>

namespace core {

using PhiloxBlock = std::array<std::uint32_t, 4>;

// One block of four words. Pure.
PhiloxBlock philox4x32(PhiloxBlock counter, std::array<std::uint32_t, 2> key);

// Names one decision: `seed` of the run, `sample` counted over the whole run, `view` of the sample, `op` in the view's
// recipe.
struct DrawKey {
  std::uint64_t seed = 0;
  std::uint64_t sample = 0;
  std::uint32_t view = 0;
  std::uint32_t op = 0;
  bool operator==(const DrawKey&) const = default;
};

// A stream of numbers that belongs to one key; cheap to make, not shared between threads. Satisfies
// UniformRandomBitGenerator, but prefer the members: std distributions differ between standard libraries.
class Rng {
 public:
  using result_type = std::uint32_t;
  explicit Rng(const DrawKey& key);

  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return 0xffffffffu; }
  result_type operator()();

  double uniform();                          // [0, 1), 53 bits
  double uniform(double low, double high);   // [low, high)
  double normal();                           // mean 0, standard deviation 1 (Box-Muller)
  bool chance(double probability);           // true with this probability
  std::uint64_t below(std::uint64_t bound);  // 0 .. bound-1, unbiased; bound > 0

 private:
  PhiloxBlock counter_;
  std::array<std::uint32_t, 2> key_;
  PhiloxBlock block_{};
  int used_ = 4;
  double spare_normal_ = 0;
  bool has_spare_ = false;
};

}  // namespace core
