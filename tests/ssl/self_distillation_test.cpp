// What is special to dino, ibot, dinov2 and dinov3.
#include <gtest/gtest.h>

#include <set>

#include "made.h"
#include "story_of.h"

namespace {

class EachTokenMethod : public testing::TestWithParam<std::string> {};

}  // namespace

TEST(Dino, TheCentreMovesTowardsWhatTheTeacherSaysOfAll) {
  const auto method = made::method("dino", "vit");
  const data::Batch batch = made::batch(*method, 4);
  EXPECT_EQ(made::state(*method, "centre").abs().max().item<double>(), 0);
  made::loss(*method, batch);
  EXPECT_EQ(made::state(*method, "centre").abs().max().item<double>(), 0) << "a step that is left out changes nothing";
  made::train(*method, batch, 1);
  const at::Tensor first = made::state(*method, "centre");
  EXPECT_GT(first.abs().max().item<double>(), 0);
  EXPECT_LE(first.abs().max().item<double>(), 0.1 + 1e-6) << "a tenth of a cosine";
}

TEST(Dino, FrozenPrototypesGetNoGradientUntilTheirStep) {
  const auto method = made::method("dino", "vit", 1, {"freeze_steps=5"});
  const data::Batch batch = made::batch(*method, 2);
  at::Tensor prototypes;
  const std::vector<train::Phase> phases = method->phases();
  for (const train::Parameter& each : phases[0].parameters) {
    if (each.name == "prototypes.weight") prototypes = each.tensor;
  }
  ASSERT_TRUE(prototypes.defined());
  method->step(0, batch, {4, 10, 0}).loss.backward();
  EXPECT_FALSE(prototypes.grad().defined());
  method->step(0, batch, {5, 10, 0}).loss.backward();
  ASSERT_TRUE(prototypes.grad().defined());
  EXPECT_GT(prototypes.grad().abs().max().item<double>(), 0);
}

TEST(Dino, OneViewIsRefused) {
  expect_story("dino has one view", [] {
    made::method("dino", "vit", 1, {"views.crops.large=1", "views.crops.small=0"});
  });
}

TEST_P(EachTokenMethod, TheStudentDoesNotSeeWhatIsHiddenFromIt) {
  const auto method = made::method(GetParam(), "vit", 1, {"views.crops.small=0"});
  data::Batch batch = made::batch(*method, 2);
  for (data::View& view : batch.views) view.images.requires_grad_();
  method->step(0, batch, {}).loss.backward();
  for (const data::View& view : batch.views) {
    const at::Tensor gradient = view.images.grad().abs(), hidden = view.hidden.unsqueeze(1);
    EXPECT_EQ((gradient * hidden).max().item<double>(), 0);
    EXPECT_GT((gradient * (1 - hidden)).max().item<double>(), 0);
  }
}

TEST_P(EachTokenMethod, TheTeacherSeesWhatIsHidden) {
  const auto method = made::method(GetParam(), "vit", 1, {"views.crops.small=0"});
  data::Batch batch = made::batch(*method, 2);
  const double loss = made::loss(*method, batch);
  for (data::View& view : batch.views) view.images = view.images + 3 * view.hidden.unsqueeze(1);
  EXPECT_NE(made::loss(*method, batch), loss);
}

TEST_P(EachTokenMethod, HidesTheShareThatWasAskedForInLargeViewsAlone) {
  const auto method = made::method(GetParam(), "vit", 1, {"hidden=0.5", "views.crops.small=1"});
  const data::Batch batch = made::batch(*method, 3);
  ASSERT_EQ(batch.views.size(), 3u);
  for (int view = 0; view < 2; ++view)
    EXPECT_TRUE(at::equal(batch.views[static_cast<std::size_t>(view)].hidden.to(at::kFloat).flatten(1).mean(1),
                          at::full({3}, 0.5)));
  EXPECT_FALSE(batch.views[2].hidden.defined());
}

TEST_P(EachTokenMethod, RefusesAnEncoderWithoutTokensAndAShareThatHidesNothingOrAll) {
  expect_story("take encoder.name: vit", [] { made::method(GetParam(), "resenc"); });
  expect_story("of 64 tokens 0 would be hidden", [] { made::method(GetParam(), "vit", 1, {"hidden=0"}); });
  expect_story("of 64 tokens 64 would be hidden", [] { made::method(GetParam(), "vit", 1, {"hidden=1"}); });
}

INSTANTIATE_TEST_SUITE_P(Table, EachTokenMethod, testing::Values("ibot", "dinov2", "dinov3"),
                         [](const auto& info) { return info.param; });

TEST(Dinov2, SpreadingEmbeddingsIsPartOfTheLoss) {
  const auto without = made::method("dinov2", "vit", 1, {"koleo=0"}), with = made::method("dinov2", "vit");
  const data::Batch batch = made::batch(*with, 4);
  EXPECT_GT(made::loss(*with, batch), made::loss(*without, batch)) << "embeddings of an untrained encoder lie close";
}

TEST(Dinov2, HasHeadsOfTheirOwnForPicturesAndTokensWhereIbotHasOne) {
  const auto heads = [](const std::string& name) {
    std::set<std::string> found;
    const auto method = made::method(name, "vit");
    for (const auto& [weight, tensor] : method->weights()) {
      if (weight.find("_head.") != std::string::npos) found.insert(weight.substr(0, weight.find('.')));
    }
    return found;
  };
  EXPECT_EQ(heads("ibot"), (std::set<std::string>{"picture_head", "teacher_picture_head"}));
  EXPECT_EQ(heads("dinov2"),
            (std::set<std::string>{"picture_head", "teacher_picture_head", "teacher_token_head", "token_head"}));
}

namespace {

// All weights of the network, one after the other.
at::Tensor weights_of(ssl::Method& method, const std::string& network) {
  std::vector<at::Tensor> rows;
  for (const auto& [name, tensor] : method.weights()) {
    if (name.rfind(network + ".", 0) == 0) rows.push_back(tensor.detach().reshape({-1}).clone());
  }
  return at::cat(rows);
}

const std::vector<std::string> kAnchored{"gram_from=0.1", "gram_begin=0.5"};

// As if it had learnt something.
void nudge(ssl::Method& method) {
  const at::NoGradGuard no_gradient;
  const std::vector<train::Phase> phases = method.phases();
  for (const train::Parameter& each : phases[0].parameters) at::Tensor(each.tensor).add_(0.01);
}

}  // namespace

TEST(Dinov3, TheEarlierTeacherIsTakenAtItsShareOfTheRunAndStays) {
  const auto method = made::method("dinov3", "vit", 1, {"gram_from=0.4", "gram_begin=0.5", "momentum=0.5"});
  const data::Batch batch = made::batch(*method, 2);
  const auto step = [&](std::int64_t number) {
    nudge(*method);
    made::loss(*method, batch);
    method->after_update({number, 10, 0});
  };
  const at::Tensor begun = weights_of(*method, "gram_encoder");
  for (std::int64_t number = 0; number < 3; ++number) step(number);
  EXPECT_TRUE(at::equal(weights_of(*method, "gram_encoder"), begun));
  step(3);
  const at::Tensor taken = weights_of(*method, "gram_encoder");
  EXPECT_TRUE(at::equal(taken, weights_of(*method, "teacher_encoder")));
  for (std::int64_t number = 4; number < 9; ++number) step(number);
  EXPECT_TRUE(at::equal(weights_of(*method, "gram_encoder"), taken));
  EXPECT_FALSE(at::equal(weights_of(*method, "teacher_encoder"), taken));
}

TEST(Dinov3, TheEarlierTeacherIsRenewedWhereThatIsAskedFor) {
  const auto method = made::method("dinov3", "vit", 1, {"gram_from=0.1", "gram_begin=0.5", "gram_renew=4"});
  const data::Batch batch = made::batch(*method, 2);
  std::vector<bool> renewed;
  made::loss(*method, batch);
  for (std::int64_t number = 0; number < 10; ++number) {
    nudge(*method);
    const at::Tensor before = weights_of(*method, "gram_encoder");
    method->after_update({number, 10, 0});
    renewed.push_back(!at::equal(weights_of(*method, "gram_encoder"), before));
  }
  EXPECT_EQ(renewed, (std::vector<bool>{true, false, false, false, false, false, false, true, false, false}));
}

TEST(Dinov3, PlacesAreHeldToTheEarlierTeacherFromItsShareOfTheRunOn) {
  const auto method = made::method("dinov3", "vit", 1, kAnchored);
  const data::Batch batch = made::batch(*method, 4);
  const auto at_step = [&](std::int64_t step) {
    const at::NoGradGuard no_gradient;
    return method->step(0, batch, {step, 10, 0});
  };
  const double plain = at_step(9).loss.item<double>();
  EXPECT_FALSE(at_step(9).watch.contains("gram")) << "no teacher was taken";
  method->after_update({0, 10, 0});
  EXPECT_FALSE(at_step(4).watch.contains("gram"));
  const train::StepResult held = at_step(5);
  const double gram = held.watch.at("gram").item<double>();
  EXPECT_GT(gram, 0) << "the student is not shown all places";
  EXPECT_NEAR(held.loss.item<double>() - at_step(4).loss.item<double>(), 2 * gram, 1e-4);
  EXPECT_NE(plain, held.loss.item<double>());
}

TEST(Dinov3, RanksAreHeldAsOneIs) {
  const auto whole = made::method("dinov3", "vit", 1, kAnchored);
  const data::Batch batch = made::batch(*whole, 4);
  made::loss(*whole, batch);
  whole->after_update({0, 10, 0});
  runtime::Archive state;
  whole->save(state);
  std::vector<std::unique_ptr<ssl::Method>> ranks;
  std::vector<double> grams(2), losses(2);
  for (int rank = 0; rank < 2; ++rank) {
    ranks.push_back(made::method("dinov3", "vit", 1, kAnchored));
    const auto from = whole->weights(), to = ranks.back()->weights();
    const at::NoGradGuard no_gradient;
    for (std::size_t i = 0; i < from.size(); ++i) at::Tensor(to[i].second).copy_(from[i].second);
    ranks.back()->load(state);
  }
  const at::NoGradGuard no_gradient;
  const train::StepResult one = whole->step(0, batch, {9, 10, 0});
  runtime::run_ranks(2, [&](runtime::Comm& comm) {
    const at::NoGradGuard none_here;
    const auto rank = static_cast<std::size_t>(comm.rank());
    ranks[rank]->use(comm);
    const train::StepResult own = ranks[rank]->step(0, batch.part(2 * comm.rank(), 2), {9, 10, 0});
    grams[rank] = own.watch.at("gram").item<double>();
    losses[rank] = own.loss.item<double>();
  });
  EXPECT_NEAR((grams[0] + grams[1]) / 2, one.watch.at("gram").item<double>(), 1e-6);
  EXPECT_NEAR((losses[0] + losses[1]) / 2, one.loss.item<double>(), 1e-4);
}

TEST(Dinov3, ATeacherThatIsTakenAfterItIsNeededIsRefused) {
  expect_story("dinov3 shall be held to a teacher that is only taken later", [] {
    made::method("dinov3", "vit", 1, {"gram_from=0.6", "gram_begin=0.5"});
  });
}

TEST(VoxelDistillation, AViewThatTellsAWrongPlaceIsAnsweredWorse) {
  const auto method = made::method("voxel_distillation", "resenc");
  data::Batch batch = made::batch(*method, 2);
  batch.views[1] = batch.views[0];
  const double right = made::loss(*method, batch);
  for (auto& transform : batch.views[1].voxel_to_case) transform.rows[2][3] += 6;
  EXPECT_GT(made::loss(*method, batch), right);
}

TEST(VoxelDistillation, IsTheSameWhicheverViewComesFirstWhereBothShowTheSamePlaces) {
  const auto method = made::method("voxel_distillation", "resenc");
  data::Batch batch = made::batch(*method, 2);
  batch.views[1].voxel_to_case = batch.views[0].voxel_to_case;
  const double loss = made::loss(*method, batch);
  std::swap(batch.views[0], batch.views[1]);
  EXPECT_NEAR(made::loss(*method, batch), loss, 1e-5 * loss);
}

TEST(VoxelDistillation, ViewsWithoutACommonPlaceHaveNoLossAndAFiniteGradient) {
  const auto method = made::method("voxel_distillation", "resenc");
  data::Batch batch = made::batch(*method, 2);
  for (auto& transform : batch.views[1].voxel_to_case) transform.rows[0][3] += 1000;
  const train::StepResult result = method->step(0, batch, {});
  result.loss.backward();
  EXPECT_EQ(result.loss.item<double>(), 0);
  EXPECT_EQ(result.watch.at("shared").item<double>(), 0);
  const std::vector<train::Phase> phases = method->phases();
  for (const train::Parameter& each : phases[0].parameters) {
    if (each.tensor.grad().defined()) {
      EXPECT_TRUE(each.tensor.grad().isfinite().all().item<bool>()) << each.name;
    }
  }
}

TEST(VoxelDistillation, TheCentreMovesAfterAnUpdateAlone) {
  const auto method = made::method("voxel_distillation", "vit");
  const data::Batch batch = made::batch(*method, 2);
  made::loss(*method, batch);
  EXPECT_EQ(made::state(*method, "centre").abs().max().item<double>(), 0);
  method->after_update({});
  EXPECT_GT(made::state(*method, "centre").abs().max().item<double>(), 0);
}
