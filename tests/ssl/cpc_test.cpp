#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <cmath>

#include "made.h"
#include "ssl/cube_grid.h"
#include "ssl/tiling.h"
#include "story_of.h"

namespace {

const models::Input kInput{1, {24, 24, 24}, {1, 1, 1}};

}  // namespace

TEST(CubeGrid, CubesOverlapByTheShareThatWasAskedForAndLieInTheOrderOfTheGrid) {
  const auto encoder = made::encoder("vit", kInput);
  const ssl::CubeGrid grid(*encoder, kInput, 3, 0.5);
  EXPECT_EQ(grid.cube(), (models::Extent{12, 12, 12}));
  EXPECT_EQ(grid.step(), (models::Extent{6, 6, 6}));
  const at::Tensor picture = at::arange(2 * 24 * 24 * 24, at::kFloat).view({2, 1, 24, 24, 24});
  const at::Tensor cubes = grid.cut(picture);
  ASSERT_EQ(cubes.sizes(), (at::IntArrayRef{54, 1, 12, 12, 12}));
  const auto cube = [&](std::int64_t sample, std::int64_t d, std::int64_t h, std::int64_t w) {
    return picture[sample].slice(1, 6 * d, 6 * d + 12).slice(2, 6 * h, 6 * h + 12).slice(3, 6 * w, 6 * w + 12);
  };
  EXPECT_TRUE(at::equal(cubes[0], cube(0, 0, 0, 0)));
  EXPECT_TRUE(at::equal(cubes[5], cube(0, 0, 1, 2)));
  EXPECT_TRUE(at::equal(cubes[27 + 9 + 2], cube(1, 1, 0, 2)));
  EXPECT_EQ(ssl::CubeGrid(*encoder, kInput, 2, 0).cube(), (models::Extent{12, 12, 12}));
}

TEST(CubeGrid, CubesThatNoEncoderTakesAreRefused) {
  const auto encoder = made::encoder("vit", kInput);
  expect_story("a patch of 24 x 24 x 24 voxels has no 9 cubes along each axis that the encoder takes",
               [&] { ssl::CubeGrid(*encoder, kInput, 9, 0); });
}

TEST(LooksBack, NothingAheadReachesAPlaneAndAllBeforeDo) {
  torch::manual_seed(3);
  ssl::LooksBack network(4, 16, 4);
  at::Tensor grid = at::randn({1, 4, 4, 3, 3}).requires_grad_();
  for (std::int64_t plane = 0; plane < 4; ++plane) {
    grid.mutable_grad() = at::Tensor();
    network.forward(grid).select(2, plane).sum().backward();
    const at::Tensor reached = grid.grad().abs().amax({0, 1, 3, 4});
    for (std::int64_t other = 0; other < 4; ++other)
      EXPECT_EQ(reached[other].item<double>() > 0, other <= plane) << plane << " of " << other;
  }
}

TEST(Cpc, IsAtFirstAboutChanceAmongAllCubesOfTheBatch) {
  const auto method = made::method("cpc", "vit", 1, {"temperature=10"});
  EXPECT_NEAR(made::loss(*method, made::batch(*method, 2)), std::log(54.0), 0.1);
}

TEST(Cpc, CubesOfOtherSamplesAreToldFromAndOneSampleWillDo) {
  const auto method = made::method("cpc", "vit", 1, {"temperature=10"});
  EXPECT_NEAR(made::loss(*method, made::batch(*method, 1)), std::log(27.0), 0.1);
}

TEST(Cpc, DoesNotSeeHowBrightACubeIs) {
  const auto method = made::method("cpc", "vit");
  data::Batch batch = made::batch(*method, 2);
  const double loss = made::loss(*method, batch);
  batch.views[0].images = 3 * batch.views[0].images + 5;
  EXPECT_NEAR(made::loss(*method, batch), loss, 1e-3 * loss);
}

// What comes ahead is foretold better of further pictures than by the network as it began.
TEST(Cpc, ForetellsTheCubesOfOtherPicturesAfterAFewSteps) {
  const auto method = made::method("cpc", "vit", 1, {"overlap=0.1"});
  const double before = made::loss(*method, made::batch(*method, 4, 5000));
  std::vector<train::Optimiser> optimisers;
  optimisers.emplace_back(method->phases()[0], train::TrainerSettings{});
  for (std::uint64_t step = 0; step < 20; ++step) {
    optimisers[0].clear_gradients();
    method->step(0, made::batch(*method, 4, 4 * step), {}).loss.backward();
    optimisers[0].update({.learning_rate = 3e-3});
  }
  EXPECT_LT(made::loss(*method, made::batch(*method, 4, 5000)), 0.9 * before);
}

TEST(Cpc, SkippingAllPlanesIsRefused) {
  expect_story("cpc has 3 planes of cubes and skips 2", [] { made::method("cpc", "vit", 1, {"skip=2"}); });
}
