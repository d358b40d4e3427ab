#include "ssl/spherical_clusters.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>

#include <string>

#include "core/error.h"
#include "ssl/head.h"

namespace ssl {
namespace {

// Sets of_row to the nearest centroid of each row, but never leaves a group empty.
void assign(const at::Tensor& rows, SphericalClusters& clusters) {
  const std::int64_t count = clusters.centroids.size(0);
  const auto [cosine, nearest] = rows.matmul(clusters.centroids.t()).max(1);
  clusters.of_row = nearest;
  const at::Tensor sizes_there = nearest.bincount({}, count).cpu();
  if (sizes_there.min().item<std::int64_t>() > 0) return;
  at::Tensor sizes = sizes_there, of_row = nearest.cpu();
  const at::Tensor worst_first = cosine.cpu().argsort(/*stable=*/true, 0, false);
  std::int64_t next = 0;
  for (std::int64_t group = 0; group < count; ++group) {
    while (sizes[group].item<std::int64_t>() == 0) {
      const std::int64_t row = worst_first[next++].item<std::int64_t>(), old = of_row[row].item<std::int64_t>();
      if (sizes[old].item<std::int64_t>() < 2) continue;
      of_row[row] = group;
      sizes[old] -= 1;
      sizes[group] += 1;
    }
  }
  clusters.of_row = of_row.to(rows.device());
}

}  // namespace

SphericalClusters spherical_clusters(const at::Tensor& rows, std::int64_t count, std::int64_t iterations,
                                     std::uint64_t key) {
  GADOLIN_CHECK(rows.dim() == 2 && count >= 1 && iterations >= 1);
  if (rows.size(0) < count)
    throw core::usage_error(std::to_string(count) + " clusters of " + std::to_string(rows.size(0)) + " cases",
                            "there must be as many cases as clusters at least, and many more are better");
  const at::NoGradGuard no_gradient;
  at::Generator generator = at::detail::createCPUGenerator(key);
  const at::Tensor first = at::randperm(rows.size(0), generator).narrow(0, 0, count).to(rows.device());
  SphericalClusters clusters{rows.index_select(0, first).clone(), {}};
  for (std::int64_t i = 0; i < iterations; ++i) {
    assign(rows, clusters);
    const at::Tensor sum = at::zeros_like(clusters.centroids).index_add(0, clusters.of_row, rows);
    clusters.centroids = unit_rows(sum);
  }
  return clusters;
}

}  // namespace ssl
