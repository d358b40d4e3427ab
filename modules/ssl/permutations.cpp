#include "ssl/permutations.h"

#include <array>
#include <numeric>
#include <string>
#include <utility>

#include "core/error.h"
#include "core/rng.h"

namespace ssl {
namespace {

// The field of p^3 elements, p = 2 or 3: polynomials c0 + c1 x + c2 x^2 modulo p and x^3 - x + 1, which has no root in
// either. An element's number is c0 + c1 p + c2 p^2.
class Field {
 public:
  explicit Field(std::int64_t prime) : prime_(prime) {}

  std::int64_t product_and_sum(std::int64_t a, std::int64_t x, std::int64_t b) const {
    Digits power = digits_of(x), sum = digits_of(b);
    for (const std::int64_t factor : digits_of(a)) {
      for (std::size_t i = 0; i < 3; ++i) sum[i] = (sum[i] + factor * power[i]) % prime_;
      power = {(prime_ - power[2]) % prime_, (power[0] + power[2]) % prime_, power[1]};  // times x
    }
    return sum[0] + prime_ * (sum[1] + prime_ * sum[2]);
  }

 private:
  using Digits = std::array<std::int64_t, 3>;
  Digits digits_of(std::int64_t number) const {
    return {number % prime_, number / prime_ % prime_, number / (prime_ * prime_)};
  }
  std::int64_t prime_;
};

template <class T>
void shuffle(std::vector<T>& values, core::Rng& rng) {
  for (std::size_t left = values.size(); left > 1; --left) std::swap(values[left - 1], values[rng.below(left)]);
}

}  // namespace

std::vector<std::vector<std::int64_t>> far_permutations(std::int64_t side, std::int64_t count) {
  if (side != 2 && side != 3) throw core::usage_error("tiles lie 2 or 3 along each axis, not " + std::to_string(side));
  const std::int64_t places = side * side * side, most = places * (places - 1);
  if (count < 2 || count > most)
    throw core::usage_error("of " + std::to_string(places) + " tiles there are no " + std::to_string(count) +
                                " orders that are unlike each other",
                            "take 2 to " + std::to_string(most));
  core::Rng rng({0, 0, 0, static_cast<std::uint32_t>(side)});
  std::vector<std::int64_t> named(static_cast<std::size_t>(places));
  std::iota(named.begin(), named.end(), 0);
  shuffle(named, rng);
  std::vector<std::pair<std::int64_t, std::int64_t>> maps;
  for (std::int64_t a = 1; a < places; ++a) {
    for (std::int64_t b = 0; b < places; ++b) maps.emplace_back(a, b);
  }
  shuffle(maps, rng);

  const Field field(side);
  std::vector<std::vector<std::int64_t>> permutations;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto [a, b] = maps[static_cast<std::size_t>(i)];
    std::vector<std::int64_t> order(static_cast<std::size_t>(places));
    for (std::int64_t x = 0; x < places; ++x)
      order[static_cast<std::size_t>(named[static_cast<std::size_t>(x)])] =
          named[static_cast<std::size_t>(field.product_and_sum(a, x, b))];
    permutations.push_back(std::move(order));
  }
  return permutations;
}

}  // namespace ssl
