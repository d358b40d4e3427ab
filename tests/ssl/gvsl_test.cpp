#include <gtest/gtest.h>

#include <cmath>

#include "in_double.h"
#include "ssl/registration_head.h"
#include "ssl/warp_by.h"

TEST(Gvsl, TakesItsSecondViewFromAnotherCaseAtTheLikePlace) {
  const auto method = made::method("gvsl", "resenc");
  EXPECT_EQ(method->of_partner(), (std::vector<bool>{false, true}));
  volume::Frame frame;
  frame.shape = {40, 30, 20};
  const auto plain =
      made::method("gvsl", "resenc", 1, {"warp.rotation_chance=0", "warp.scale_chance=0", "warp.bend_chance=0"});
  const std::vector<augment::Recipe> views = plain->views();
  ASSERT_EQ(views.size(), 2u);
  for (std::uint64_t sample = 0; sample < 5; ++sample) {
    EXPECT_EQ(views[0].draw(frame, 5, sample, 0).box(), views[1].draw(frame, 5, sample, 1).box());
  }
}

TEST(Gvsl, TheLossIsTheSumOfItsParts) {
  const auto method =
      made::method("gvsl", "resenc", 1, {"likeness_weight=2", "smoothness_weight=3", "restoration_weight=5"});
  const data::Batch batch = made::batch(*method, 3);
  made::train(*method, batch, 2);
  const train::StepResult found = made::looked(*method, batch);
  const auto part = [&](const char* name) { return found.watch.at(name).item<double>(); };
  EXPECT_GT(part("unlikeness"), 0);
  EXPECT_GT(part("roughness"), 0);
  EXPECT_NEAR(found.loss.item<double>(), 2 * part("unlikeness") + 3 * part("roughness") + 5 * part("apart"), 1e-4);
}

TEST(Gvsl, BeginsWithNoMoveAndAPairOfOnePictureLiesOnItselfThen) {
  const auto method = made::method("gvsl", "resenc");
  data::Batch batch = made::batch(*method, 2);
  batch.views[1] = batch.views[0];
  const train::StepResult found = made::looked(*method, batch);
  EXPECT_EQ(found.watch.at("moved_voxels").item<double>(), 0);
  EXPECT_EQ(found.watch.at("roughness").item<double>(), 0);
  EXPECT_NEAR(found.watch.at("unlikeness").item<double>(), 0, 1e-3);
}

// Grey values of another scanner: what is compared does not know them.
TEST(Gvsl, TheLikenessDoesNotKnowTheLineOfGreyValues) {
  const auto method = made::method("gvsl", "resenc");
  data::Batch batch = made::batch(*method, 3);
  const double unlike = made::watched(*method, batch, "unlikeness");
  EXPECT_GT(unlike, 0.1);
  batch.views[1].kept = 3 * batch.views[1].kept - 40;
  EXPECT_NEAR(made::watched(*method, batch, "unlikeness"), unlike, 1e-3);
}

TEST(Gvsl, OutsideOfTheCaseNothingIsCompared) {
  const auto method = made::method("gvsl", "resenc");
  data::Batch batch = made::batch(*method, 2);
  batch.views[0].valid.zero_();
  EXPECT_EQ(made::watched(*method, batch, "unlikeness"), 0);
  EXPECT_GT(made::watched(*method, batch, "apart"), 0) << "the other case is there";
  batch.views[1].valid.zero_();
  EXPECT_EQ(made::watched(*method, batch, "apart"), 0);
}

// The same picture elsewhere: the move that was made is found.
TEST(Gvsl, AKnownShiftIsFound) {
  const auto method =
      made::method("gvsl", "resenc", 1,
                   {"restoration_weight=0", "smoothness_weight=0.1", "warp.rotation_chance=0", "warp.scale_chance=0",
                    "warp.bend_chance=0", "shuffle.chance=0", "curve.chance=0", "inpaint.chance=0"});
  data::Batch batch = made::batch(*method, 2);
  const at::Tensor shift = at::tensor({2.0f, 0.0f, -1.0f}).view({1, 3, 1, 1, 1}).expand({2, 3, 16, 16, 16});
  batch.views[1] = batch.views[0];
  batch.views[1].images = batch.views[1].kept = ssl::warp_by(batch.views[0].kept, -shift);
  const at::Tensor fixed = batch.views[0].kept, moving = batch.views[1].kept;
  const auto apart = [&](const at::Tensor& other) {
    const auto inner = [](const at::Tensor& each) { return each.slice(2, 3, 13).slice(3, 3, 13).slice(4, 3, 13); };
    return (inner(other) - inner(fixed)).square().mean().item<double>();
  };
  const double before = apart(moving);
  made::train(*method, batch, 20);
  EXPECT_LT(apart(method->pictures(batch)[1].second), 0.3 * before);
}

TEST(Gvsl, InDoublePrecisionItIsTheSame) {
  const auto method = made::method("gvsl", "resenc");
  data::Batch batch = made::batch(*method, 2);
  made::train(*method, batch, 2);
  made::expect_the_same_in_double(*method, batch);
}

TEST(RegistrationHead, MovesByItsMapAndByEachVoxel) {
  torch::manual_seed(1);
  const models::Input input{1, {16, 12, 8}, {1, 1, 1}};
  const auto encoder = made::encoder("resenc", input);
  ssl::RegistrationHead head(*encoder, input, 4);
  const at::Tensor image = at::randn({2, 1, 16, 12, 8});
  const at::Tensor coarsest = encoder->features(image).back(), dense = at::randn({2, 4, 16, 12, 8});
  const at::NoGradGuard no_gradient;
  const ssl::Moves still = head.moves({coarsest, dense}, {coarsest, dense});
  EXPECT_EQ(still.total.sizes(), at::IntArrayRef({2, 3, 16, 12, 8}));
  EXPECT_EQ(still.total.abs().max().item<double>(), 0);
  for (const auto& item : head.named_parameters()) {
    if (item.key() == "affine.bias") item.value().fill_(0.3);
    if (item.key() == "local.bias") item.value().fill_(1);
  }
  const ssl::Moves moves = head.moves({coarsest, dense}, {coarsest, dense});
  EXPECT_LT((moves.maps - 0.5 * std::tanh(0.3)).abs().max().item<double>(), 1e-6);
  EXPECT_LT((moves.local - 1).abs().max().item<double>(), 1e-6);
  const at::Tensor indices = ssl::indices_of({16, 12, 8}, at::kFloat);
  const at::Tensor expected = ssl::affine_displacement(moves.maps, indices + 1, {16, 12, 8}) + 1;
  EXPECT_LT((moves.total - expected).abs().max().item<double>(), 1e-5);
}
