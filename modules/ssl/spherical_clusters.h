#pragma once
// Groups of directions: spherical k-means.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace ssl {

struct SphericalClusters {
  at::Tensor centroids;  // [count, C], length 1
  at::Tensor of_row;     // [N] int64
};

// Rows [N, C] of length 1 in `count` groups by cosine, begun with rows that the key draws; a group that loses all its
// rows takes over the row that fits its own worst. The same key and rows, the same groups. No gradient. Throws usage
// Error when there are fewer rows than groups. Dhillon and Modha, "Concept decompositions for large sparse text data
// using clustering", Machine Learning 2001.
SphericalClusters spherical_clusters(const at::Tensor& rows, std::int64_t count, std::int64_t iterations,
                                     std::uint64_t key);

}  // namespace ssl
