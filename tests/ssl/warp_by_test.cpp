#include "ssl/warp_by.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "../losses/finite_difference.h"

namespace {

at::Tensor shift_of(double d, double h, double w, at::IntArrayRef extent) {
  return at::tensor({d, h, w}, at::kDouble).view({1, 3, 1, 1, 1}).expand({1, 3, extent[0], extent[1], extent[2]});
}

double furthest(const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().max().item<double>(); }

}  // namespace

TEST(WarpBy, ByNothingIsTheSamePictureAlsoOfOneVoxelAlongAnAxis) {
  for (const std::vector<std::int64_t>& extent : {std::vector<std::int64_t>{4, 5, 6}, {1, 3, 7}, {1, 1, 1}}) {
    const at::Tensor picture = wave({2, 2, extent[0], extent[1], extent[2]});
    const at::Tensor still = at::zeros({2, 3, extent[0], extent[1], extent[2]}, at::kDouble);
    EXPECT_LT(furthest(ssl::warp_by(picture, still), picture), 1e-12);
    EXPECT_LT(furthest(ssl::warp_by(picture.to(at::kFloat), still.to(at::kFloat)), picture), 1e-5);
  }
}

TEST(WarpBy, ByWholeVoxelsIsTheNeighbourAlongThatAxisAndTheOutermostBeyond) {
  const at::Tensor picture = wave({1, 2, 4, 5, 6});
  const at::Tensor seen = ssl::warp_by(picture, shift_of(1, -2, 3, {4, 5, 6}));
  for (std::int64_t d = 0; d < 4; ++d) {
    for (std::int64_t h = 0; h < 5; ++h) {
      for (std::int64_t w = 0; w < 6; ++w) {
        const at::Tensor there = picture[0]
                                     .select(1, std::min<std::int64_t>(d + 1, 3))
                                     .select(1, std::max<std::int64_t>(h - 2, 0))
                                     .select(1, std::min<std::int64_t>(w + 3, 5));
        EXPECT_LT(furthest(seen[0].select(1, d).select(1, h).select(1, w), there), 1e-10);
      }
    }
  }
}

TEST(WarpBy, BetweenVoxelsItIsLinear) {
  const at::Tensor picture = at::tensor({1.0, 5.0, 2.0}, at::kDouble).view({1, 1, 1, 1, 3});
  const at::Tensor seen = ssl::warp_by(picture, shift_of(0, 0, 0.25, {1, 1, 3})).flatten();
  EXPECT_NEAR(seen[0].item<double>(), 2, 1e-12);
  EXPECT_NEAR(seen[1].item<double>(), 4.25, 1e-12);
  EXPECT_NEAR(seen[2].item<double>(), 2, 1e-12);
}

TEST(WarpBy, GradientIsTheDifferenceInThePictureAndInTheDisplacement) {
  const at::Tensor picture = wave({1, 2, 2, 3, 3}), weight = wave({1, 2, 2, 3, 3}, 2);
  const at::Tensor moved = 0.3 * wave({1, 3, 2, 3, 3}, 1);  // no voxel comes to lie on another
  expect_gradient_is_difference([&](const at::Tensor& x) { return (ssl::warp_by(x, moved) * weight).sum(); }, picture);
  expect_gradient_is_difference([&](const at::Tensor& x) { return (ssl::warp_by(picture, x) * weight).sum(); }, moved);
}

TEST(WarpBy, AnAffineMapOfNothingMovesNothingAndAShiftOfOneIsHalfThePicture) {
  const at::Tensor indices = ssl::indices_of({4, 6, 8}, at::kDouble);
  EXPECT_EQ(ssl::affine_displacement(at::zeros({2, 3, 4}, at::kDouble), indices, {4, 6, 8}).abs().max().item<double>(),
            0);
  at::Tensor shift = at::zeros({1, 3, 4}, at::kDouble);
  shift.select(2, 3).fill_(1);
  EXPECT_LT(furthest(ssl::affine_displacement(shift, indices, {4, 6, 8}), shift_of(2, 3, 4, {4, 6, 8})), 1e-12);
}

TEST(WarpBy, AStretchLeavesTheMiddleAndAQuarterTurnTurns) {
  const std::vector<std::int64_t> extent{3, 5, 5};
  const at::Tensor indices = ssl::indices_of(extent, at::kDouble);
  at::Tensor stretch = at::zeros({1, 3, 4}, at::kDouble);
  stretch[0][2][2] = 1;  // along w a place goes twice as far from the middle
  const at::Tensor moved = ssl::affine_displacement(stretch, indices, extent);
  const at::Tensor along = at::tensor({-2.0, -1.0, 0.0, 1.0, 2.0}, at::kDouble);
  EXPECT_LT(furthest(moved[0][2], along.view({1, 1, 5}).expand(extent)), 1e-12);
  EXPECT_EQ(moved.narrow(1, 0, 2).abs().max().item<double>(), 0);

  // (h, w) -> (-w, h): the picture turned about d.
  at::Tensor turn = at::zeros({1, 3, 4}, at::kDouble);
  turn[0][1][1] = -1;
  turn[0][2][2] = -1;
  turn[0][1][2] = -1;
  turn[0][2][1] = 1;
  const at::Tensor picture = wave({1, 1, 3, 5, 5});
  const at::Tensor seen = ssl::warp_by(picture, ssl::affine_displacement(turn, indices, extent));
  EXPECT_LT(furthest(seen, picture.transpose(3, 4).flip(4)), 1e-10);
}

// First by u, then by the map: what is seen at i lies where the map sends i + u(i).
TEST(WarpBy, AMapAfterADisplacementIsThePictureWarpedTwice) {
  const std::vector<std::int64_t> extent{6, 6, 6};
  // A plane of grey values, which linear interpolation gives exactly inside.
  const at::Tensor indices = ssl::indices_of(extent, at::kDouble);
  const at::Tensor picture = (indices.select(1, 0) + 2 * indices.select(1, 1) - 3 * indices.select(1, 2)).unsqueeze(1);
  const at::Tensor map = 0.05 * wave({1, 3, 4});
  const at::Tensor u = 0.3 * wave({1, 3, 6, 6, 6}, 1);
  const at::Tensor total = ssl::affine_displacement(map, indices + u, extent) + u;
  const at::Tensor at_once = ssl::warp_by(picture, total);
  const at::Tensor twice = ssl::warp_by(ssl::warp_by(picture, ssl::affine_displacement(map, indices, extent)), u);
  const auto inner = [](const at::Tensor& each) { return each.slice(2, 2, 4).slice(3, 2, 4).slice(4, 2, 4); };
  EXPECT_LT(furthest(inner(at_once), inner(twice)), 1e-10);
}
