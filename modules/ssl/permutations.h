#pragma once
// Orders of tiles that are as unlike each other as can be.

#include <cstdint>
#include <vector>

namespace ssl {

// `count` permutations of n = side^3 places (side 2 or 3), any two of which agree in one place at most: maps x -> a x +
// b of the field of n elements, places named at random, which are n (n - 1), as many as there can be of such. Noroozi
// and Favaro, ECCV 2016, ask for a set of large Hamming distance and search for it; here it is n - 1 or n by
// construction. The same set always. Throws usage Error for more than n (n - 1), for less than 2, and for another side.
std::vector<std::vector<std::int64_t>> far_permutations(std::int64_t side, std::int64_t count);

}  // namespace ssl
