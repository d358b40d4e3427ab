// Methods that ask a question about a view: rotation, relative_position, jigsaw, rubik, and what they share.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "made.h"
#include "ssl/cube_rotation.h"
#include "ssl/permutations.h"
#include "ssl/sample_draws.h"
#include "ssl/tiling.h"
#include "story_of.h"

namespace {

at::Tensor numbered(std::int64_t d, std::int64_t h, std::int64_t w) {
  return at::arange(d * h * w, at::kFloat).view({1, d, h, w});
}

std::string pretext_refusal(const std::string& name, const std::string& encoder, const models::Extent& patch,
                            const std::vector<std::string>& arguments = {}) {
  const models::Input input{1, patch, {1, 1, 1}};
  return ::story_of([&] {
    made::method(
        name, [&] { return made::encoder(encoder, input); }, input, arguments);
  });
}

data::Batch samples(const std::vector<std::int64_t>& numbers) {
  data::Batch batch;
  batch.sample = at::tensor(numbers, at::kLong);
  return batch;
}

// Sees the mean of each octant, and so which way a picture slopes: what a question asks can be answered from that.
class Octants final : public models::Encoder {
 public:
  Octants() { weight_ = register_parameter("weight", at::ones({8})); }
  std::vector<at::Tensor> features(const at::Tensor& image) override { return {at::avg_pool3d(image, 4)}; }
  std::vector<std::int64_t> channels() const override { return {1}; }
  std::vector<models::Extent> stride() const override { return {{4, 4, 4}}; }
  at::Tensor embedding(const at::Tensor& image) override {
    return at::adaptive_avg_pool3d(image, {2, 2, 2}).flatten(1) * weight_;
  }
  std::int64_t embedding_size() const override { return 8; }
  void check_extent(const models::Extent&) const override {}

 private:
  at::Tensor weight_;
};

constexpr int kSide = 30;

// Brighter along each axis, unlike for each.
at::Tensor sloped(std::uint64_t number) {
  core::Rng rng({number, 1, 0, 0});
  const double bright = rng.uniform(-1, 1);
  const at::Tensor along = at::arange(kSide, at::kFloat) / 10;
  return (along.view({1, -1, 1, 1}) + 2 * along.view({1, 1, -1, 1}) + 4 * along + bright).contiguous();
}

// Along each axis brighter, even or darker, as the third of the picture: a tile slopes as its place says.
at::Tensor sloped_by_place(std::uint64_t number) {
  core::Rng rng({number, 2, 0, 0});
  const at::Tensor along = at::arange(kSide, at::kFloat), within = along.remainder(10) - 4.5;
  const at::Tensor slope = within * (1 - at::floor_divide(along, 10));
  const at::Tensor noise = 0.1 * at::sin(at::arange(kSide * kSide * kSide, at::kFloat) * rng.uniform(1, 2));
  return slope.view({1, -1, 1, 1}) + slope.view({1, 1, -1, 1}) + slope + noise.view({1, kSide, kSide, kSide});
}

// The share of right answers on samples that were not trained on.
double right_on_others(const std::string& name, std::vector<std::string> arguments, const std::string& watched,
                       const std::function<at::Tensor(std::uint64_t)>& draw, int steps) {
  for (const char* chance : {"warp.rotation_chance=0", "warp.scale_chance=0", "warp.bend_chance=0"})
    arguments.emplace_back(chance);
  at::set_num_threads(1);
  torch::manual_seed(1);
  const auto method = made::method(
      name, [] { return std::make_shared<Octants>(); }, {1, {kSide, kSide, kSide}, {1, 1, 1}}, arguments);
  std::vector<train::Optimiser> optimisers;
  optimisers.emplace_back(method->phases()[0], train::TrainerSettings{});
  for (int step = 0; step < steps; ++step) {
    optimisers[0].clear_gradients();
    method->step(0, made::batch(*method, 4, static_cast<std::uint64_t>(4 * step), draw), {}).loss.backward();
    optimisers[0].update({.learning_rate = 1e-2});
  }
  const at::NoGradGuard no_gradient;
  return method->step(0, made::batch(*method, 16, 100000, draw), {}).watch.at(watched).item<double>();
}

}  // namespace

TEST(CubeRotation, ThereAre24DifferentOnesAndTwoAfterEachOtherAreAgainOne) {
  const auto& all = ssl::cube_rotations();
  ASSERT_EQ(all.size(), 24u);
  EXPECT_EQ(all.front(), ssl::Rotation{});
  const at::Tensor cube = numbered(3, 3, 3);
  const auto is_one = [&](const at::Tensor& picture) {
    return std::count_if(all.begin(), all.end(),
                         [&](const ssl::Rotation& each) { return at::equal(ssl::turned(cube, each), picture); });
  };
  for (const ssl::Rotation& first : all) {
    for (const ssl::Rotation& second : all) ASSERT_EQ(is_one(ssl::turned(ssl::turned(cube, first), second)), 1);
  }
  // A mirror image is none.
  EXPECT_EQ(is_one(cube.flip(1)), 0);
}

TEST(CubeRotation, QuarterTurnsMoveACornerRoundItsAxis) {
  const at::Tensor picture = at::tensor({1.0f, 2.0f, 3.0f, 4.0f}).view({1, 1, 2, 2});  // rows 1 2 / 3 4
  EXPECT_TRUE(
      at::equal(ssl::turned(picture, ssl::quarter_turns(0, 1)).flatten(), at::tensor({2.0f, 4.0f, 1.0f, 3.0f})));
  EXPECT_TRUE(
      at::equal(ssl::turned(picture, ssl::quarter_turns(0, 2)).flatten(), at::tensor({4.0f, 3.0f, 2.0f, 1.0f})));
  EXPECT_TRUE(
      at::equal(ssl::turned(picture, ssl::quarter_turns(0, 3)).flatten(), at::tensor({3.0f, 1.0f, 4.0f, 2.0f})));
  const at::Tensor cube = numbered(3, 4, 5);
  for (std::int64_t axis = 0; axis < 3; ++axis) {
    at::Tensor stepwise = cube;
    for (int times = 1; times < 4; ++times) {
      stepwise = ssl::turned(stepwise, ssl::quarter_turns(axis, 1));
      EXPECT_TRUE(at::equal(stepwise, ssl::turned(cube, ssl::quarter_turns(axis, times)))) << axis << " " << times;
    }
    EXPECT_TRUE(at::equal(ssl::turned(stepwise, ssl::quarter_turns(axis, 1)), cube));
  }
}

TEST(CubeRotation, SetsOf4And10AreDifferentRotationsOfThe24) {
  for (const std::int64_t count : {4, 10, 24}) {
    const auto some = ssl::rotations(count);
    ASSERT_EQ(static_cast<std::int64_t>(some.size()), count);
    for (std::size_t i = 0; i < some.size(); ++i) {
      EXPECT_EQ(std::count(some.begin(), some.end(), some[i]), 1);
      EXPECT_EQ(std::count(ssl::cube_rotations().begin(), ssl::cube_rotations().end(), some[i]), 1);
    }
  }
  EXPECT_THROW(ssl::rotations(7), core::Error);
}

TEST(FarPermutations, AnyTwoAgreeInOnePlaceAtMost) {
  for (const std::int64_t side : {2, 3}) {
    const std::int64_t places = side * side * side;
    const auto all = ssl::far_permutations(side, places * (places - 1));
    for (std::size_t i = 0; i < all.size(); ++i) {
      std::vector<std::int64_t> sorted = all[i];
      std::sort(sorted.begin(), sorted.end());
      for (std::int64_t place = 0; place < places; ++place) ASSERT_EQ(sorted[static_cast<std::size_t>(place)], place);
      for (std::size_t j = 0; j < i; ++j) {
        int alike = 0;
        for (std::size_t place = 0; place < sorted.size(); ++place) alike += all[i][place] == all[j][place];
        ASSERT_LE(alike, 1) << i << " " << j;
      }
    }
    EXPECT_EQ(ssl::far_permutations(side, 10), ssl::far_permutations(side, 10));
  }
  EXPECT_THROW(ssl::far_permutations(2, 57), core::Error);
  EXPECT_THROW(ssl::far_permutations(3, 1), core::Error);
  EXPECT_THROW(ssl::far_permutations(4, 10), core::Error);
}

TEST(SampleDraws, DependOnTheNumberOfTheSampleAndTheDecisionAlone) {
  auto together = ssl::draws_for(samples({7, 8, 9})), alone = ssl::draws_for(samples({8})),
       other = ssl::draws_for(samples({8}), 1);
  const std::uint32_t first = together[1]();
  EXPECT_EQ(first, alone[0]());
  EXPECT_NE(first, together[0]());
  EXPECT_NE(first, other[0]());
}

TEST(Tiling, TilesLieAnywhereInTheirCellsAndNeverBeyond) {
  const models::Input input{1, {24, 27, 33}, {1, 1, 1}};
  const ssl::Tiling tiling(*made::encoder("resenc", input), input, 3, 0.3);
  EXPECT_EQ(tiling.cells(), 27);
  EXPECT_EQ(tiling.tile(), (models::Extent{5, 6, 7}));
  core::Rng rng({1, 0, 0, 0});
  std::array<std::set<std::int64_t>, 3> offsets;
  for (int i = 0; i < 200; ++i) {
    const auto begins = tiling.draw(rng);
    for (std::int64_t cell = 0; cell < 27; ++cell) {
      const models::Extent place{cell / 9, cell / 3 % 3, cell % 3}, side{8, 9, 11};
      for (std::size_t a = 0; a < 3; ++a)
        offsets[a].insert(begins[static_cast<std::size_t>(cell)][a] - place[a] * side[a]);
    }
  }
  EXPECT_EQ(offsets[0], (std::set<std::int64_t>{0, 1, 2, 3}));
  EXPECT_EQ(offsets[1], (std::set<std::int64_t>{0, 1, 2, 3}));
  EXPECT_EQ(offsets[2], (std::set<std::int64_t>{0, 1, 2, 3, 4}));
}

TEST(Tiling, ATileTellsNothingOfBrightnessAndContrastOfItsPlace) {
  const models::Input input{2, {24, 24, 24}, {1, 1, 1}};
  const ssl::Tiling tiling(*made::encoder("resenc", input), input, 3, 0.1);
  const at::Tensor picture = at::randn({2, 24, 24, 24});
  const at::Tensor tile = tiling.cut(picture, {3, 5, 8});
  EXPECT_EQ(tile.sizes(), at::IntArrayRef({2, 7, 7, 7}));
  EXPECT_NEAR(tile[1].mean().item<double>(), 0, 1e-5);
  EXPECT_NEAR(tile[1].square().mean().item<double>(), 1, 1e-4);
  EXPECT_TRUE(at::allclose(tiling.cut(picture * 50 - 9, {3, 5, 8}), tile, 1e-3, 1e-4));
  const at::Tensor inside = picture.slice(1, 3, 10).slice(2, 5, 12).slice(3, 8, 15);
  EXPECT_GT((tile.flatten() * inside.flatten()).mean().item<double>(), 0.9);
  EXPECT_EQ(tiling.cut(at::full({2, 24, 24, 24}, 3.0), {0, 0, 0}).abs().max().item<double>(), 0);
}

TEST(Tiling, TransformersGetTilesOfWholeTokens) {
  const models::Input input{1, {36, 36, 36}, {1, 1, 1}};
  EXPECT_EQ(ssl::Tiling(*made::encoder("vit", input), input, 3, 0.1).tile(), (models::Extent{8, 8, 8}));
}

TEST(Tiling, APatchThatIsTooSmallIsRefusedWithWhatToDo) {
  const std::string story = pretext_refusal("jigsaw", "resenc", {16, 16, 16});
  EXPECT_NE(story.find("16 x 16 x 16 voxels in 3 cells"), std::string::npos) << story;
  EXPECT_NE(story.find("Hint: take a larger patch (data.patch), a smaller method.gap"), std::string::npos) << story;
  EXPECT_EQ(pretext_refusal("jigsaw", "resenc", {16, 16, 16}, {"gap=0"}), "nothing was thrown");
  EXPECT_EQ(pretext_refusal("jigsaw", "resenc", {24, 24, 24}), "nothing was thrown");
  EXPECT_NE(pretext_refusal("rubik", "vit", {4, 4, 4}).find("in 2 cells"), std::string::npos);
}

TEST(Rotation, APatchThatIsNoCubeIsTurnedWithinTheLargestCube) {
  const models::Input input{1, {24, 20, 16}, {1, 1, 1}};
  const auto all = made::method(
      "rotation", [&] { return made::encoder("resenc", input); }, input);
  EXPECT_EQ(all->views()[0].patch(), (volume::Shape{16, 16, 16}));
  const auto flat = made::method("rotation", [&] { return made::encoder("resenc", input); }, input, {"rotations=4"});
  EXPECT_EQ(flat->views()[0].patch(), (volume::Shape{24, 16, 16}));
  EXPECT_NE(pretext_refusal("rotation", "resenc", {16, 16, 16}, {"rotations=5"}).find("take 4, 10 or 24"),
            std::string::npos);
}

// What is learnt holds for other samples: so the answers belong to what is shown.
TEST(Rotation, HowAPictureIsTurnedIsSeenInOthers) {
  EXPECT_GT(right_on_others("rotation", {}, "right", sloped, 80), 0.8);
}

TEST(RelativePosition, ATileThatLooksLikeItsPlaceIsFoundInOtherPictures) {
  EXPECT_GT(right_on_others("relative_position", {}, "right", sloped_by_place, 120), 0.5);
}

TEST(Jigsaw, TheOrderOfTilesThatLookLikeTheirPlacesIsSeenInOtherPictures) {
  EXPECT_GT(right_on_others("jigsaw", {"orders=6"}, "right", sloped_by_place, 60), 0.8);
}

TEST(Rubik, WhichTilesAreTurnedIsSeenInOtherPictures) {
  EXPECT_GT(right_on_others("rubik", {}, "turn_right", sloped, 60), 0.9);
}
