#include "ssl/spherical_clusters.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/utils.h>

#include <set>

#include "core/error.h"
#include "ssl/head.h"

namespace {

// `each` directions about each of four axes.
at::Tensor bundles(std::int64_t each) {
  torch::manual_seed(2);
  return ssl::unit_rows(at::eye(4).repeat_interleave(each, 0) + 0.05 * at::randn({4 * each, 4}));
}

}  // namespace

TEST(SphericalClusters, FindBundlesOfDirections) {
  const at::Tensor rows = bundles(10);
  for (std::uint64_t key = 0; key < 3; ++key) {
    // Begun with twice as many, every group lies in one bundle.
    const auto found = ssl::spherical_clusters(rows, 8, 20, key);
    for (std::int64_t group = 0; group < 8; ++group) {
      const at::Tensor members = (found.of_row == group).nonzero().flatten();
      ASSERT_GT(members.numel(), 0) << "no group is empty";
      EXPECT_GT(found.centroids[group].norm().item<double>(), 0.999);
    }
    const at::Tensor fit = (rows * found.centroids.index_select(0, found.of_row)).sum(1);
    EXPECT_GT(fit.mean().item<double>(), 0.9);
  }
}

TEST(SphericalClusters, OfAsManyRowsAsGroupsAreTheRowsAndTheSameForTheSameKey) {
  const at::Tensor rows = bundles(1);
  const auto found = ssl::spherical_clusters(rows, 4, 5, 3);
  std::set<std::int64_t> groups;
  for (int i = 0; i < 4; ++i) groups.insert(found.of_row[i].item<std::int64_t>());
  EXPECT_EQ(groups.size(), 4u);
  EXPECT_TRUE(at::allclose(found.centroids.index_select(0, found.of_row), rows, 1e-5, 1e-5));
  const auto again = ssl::spherical_clusters(bundles(10), 4, 5, 3),
             other = ssl::spherical_clusters(bundles(10), 4, 5, 3);
  EXPECT_TRUE(at::equal(again.centroids, other.centroids));
}

TEST(SphericalClusters, OfRowsThatAreAllTheSameLeaveNoGroupEmpty) {
  const auto found = ssl::spherical_clusters(ssl::unit_rows(at::ones({6, 3})), 3, 5, 1);
  EXPECT_EQ(found.of_row.bincount({}, 3).min().item<std::int64_t>() > 0, true);
  EXPECT_TRUE(found.centroids.isfinite().all().item<bool>());
}

TEST(SphericalClusters, MoreGroupsThanRowsAreRefused) {
  try {
    ssl::spherical_clusters(bundles(1), 5, 5, 1);
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kUsage);
    EXPECT_NE(std::string(error.what()).find("5 clusters of 4 cases"), std::string::npos) << error.what();
  }
}
