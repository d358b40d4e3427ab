// What is special to single methods that tell samples from each other (simclr has a file of its own).
#include <gtest/gtest.h>

#include <cmath>

#include "made.h"
#include "story_of.h"

TEST(MocoV2, TheQueueHoldsTheNewestKeysAfterItIsFull) {
  const auto method = made::method("moco_v2", "vit", 1, {"queue=10"});
  std::vector<std::int64_t> lengths;
  at::Tensor before, cases;
  for (std::uint64_t step = 0; step < 4; ++step) {
    before = made::state(*method, "queue");
    made::train(*method, made::batch(*method, 4, 4 * step), 1);
    cases = made::state(*method, "queue_case");
    lengths.push_back(cases.size(0));
  }
  EXPECT_EQ(lengths, (std::vector<std::int64_t>{4, 8, 10, 10}));
  EXPECT_TRUE(at::equal(made::state(*method, "queue").slice(0, 4), before.slice(0, 0, 6)));
  EXPECT_TRUE(at::equal(cases, at::tensor({12, 13, 14, 15, 8, 9, 10, 11, 4, 5}, at::kLong)));
}

TEST(MocoV2, RanksFillTheQueueInTheirOrderWithTheKeysOfOne) {
  const auto whole = made::method("moco_v2", "vit");
  const data::Batch batch = made::batch(*whole, 4);
  made::loss(*whole, batch);
  whole->after_update({});
  std::vector<std::unique_ptr<ssl::Method>> ranks;
  for (int rank = 0; rank < 2; ++rank) ranks.push_back(made::method("moco_v2", "vit"));
  runtime::run_ranks(2, [&](runtime::Comm& comm) {
    ssl::Method& own = *ranks[static_cast<std::size_t>(comm.rank())];
    own.use(comm);
    made::loss(own, batch.part(2 * comm.rank(), 2));
    own.after_update({});
  });
  for (const auto& rank : ranks) {
    EXPECT_TRUE(at::allclose(made::state(*rank, "queue"), made::state(*whole, "queue"), 1e-4, 1e-4));
    EXPECT_TRUE(at::equal(made::state(*rank, "queue_case"), at::arange(4)));
  }
}

TEST(MocoV2, AStepThatIsLeftOutChangesNoQueue) {
  const auto method = made::method("moco_v2", "vit");
  made::loss(*method, made::batch(*method, 4));  // no after_update
  EXPECT_EQ(made::state(*method, "queue").size(0), 0);
}

TEST(MocoV2, WhatIsInTheQueueMakesTheLossAndAnEmptyOneLeavesTheBatch) {
  const auto method = made::method("moco_v2", "vit");
  const data::Batch batch = made::batch(*method, 4);
  const double alone = made::loss(*method, batch);
  EXPECT_GT(alone, 0);
  EXPECT_LE(alone, std::log(1 + 3 * std::exp(2 / 0.2)));
  made::train(*method, made::batch(*method, 4, 50), 1, "loss", 0);
  EXPECT_GT(made::loss(*method, batch), alone) << "four more to tell from";
}

TEST(MocoV2, EarlierCropsOfTheOwnCaseAreLeftOutUnlessAskedFor) {
  const auto without = made::method("moco_v2", "vit"), with = made::method("moco_v2", "vit", 1, {"own_case=true"});
  data::Batch batch = made::batch(*without, 4);
  EXPECT_NEAR(made::loss(*without, batch), made::loss(*with, batch), 1e-6) << "four cases, nothing in the queue";
  batch.case_index.fill_(7);
  for (int step = 0; step < 2; ++step) {
    EXPECT_EQ(made::loss(*without, batch), 0) << "all of one case: there is nothing to tell from";
    EXPECT_GT(made::loss(*with, batch), 0);
    for (ssl::Method* const method : {without.get(), with.get()}) method->after_update({});
  }
  expect_story("moco_v2 was given a batch of 1", [&] { made::loss(*with, batch.part(0, 1)); });
}

TEST(MocoV3, IsTheSameWhicheverViewComesFirst) {
  const auto method = made::method("moco_v3", "vit");
  data::Batch batch = made::batch(*method, 4);
  const double loss = made::loss(*method, batch);
  std::swap(batch.views[0], batch.views[1]);
  EXPECT_NEAR(made::loss(*method, batch), loss, 1e-5 * loss);
  expect_story("moco_v3 was given a batch of 1", [&] { made::loss(*method, made::batch(*method, 1)); });
}

TEST(Exemplar, OthersBeyondTheMarginAreLeftAlone) {
  const auto near = made::method("exemplar", "vit", 1, {"margin=0.01"}), far = made::method("exemplar", "vit");
  const data::Batch batch = made::batch(*near, 4);
  EXPECT_LT(made::loss(*near, batch), made::loss(*far, batch));
  expect_story("exemplar was given a batch of 1", [&] { made::loss(*near, made::batch(*near, 1)); });
  data::Batch same = batch;
  same.views[1] = same.views[0];
  const at::Tensor agreement = far->step(0, same, {}).watch.at("agreement");
  EXPECT_NEAR(agreement.item<double>(), 1, 1e-5);
}

TEST(Diet, RecognisesTheCasesOfABatchAfterAFewSteps) {
  const auto method = made::method("diet", "vit", 1, {"smoothing=0.2"});
  const data::Batch batch = made::batch(*method, 6);
  const std::vector<double> right = made::train(*method, batch, 40, "recognised");
  EXPECT_LT(right.front(), 0.5);
  EXPECT_EQ(right.back(), 1);
}

TEST(Diet, TheExcessIsTheLossLessItsBestAndABatchOfOneWillDo) {
  const auto method = made::method("diet", "vit");
  const data::Batch batch = made::batch(*method, 1);
  const train::StepResult result = method->step(0, batch, {});
  const double rest = 0.8 / made::kCases, own = 0.2 + rest;
  const double best = -own * std::log(own) - (made::kCases - 1) * rest * std::log(rest);
  EXPECT_NEAR(result.loss.item<double>() - result.watch.at("excess").item<double>(), best, 1e-4);
  EXPECT_GT(result.watch.at("excess").item<double>(), 0);
}

TEST(Diet, AStoreOfOneCaseIsRefused) {
  const models::Input input{1, made::kPatch, {1, 1, 1}};
  const auto encoder = made::encoder("vit", input);
  expect_story("the store has 1", [&] {
    ssl::method_named("diet").settings()->make({encoder, input, c10::Device(c10::kCPU), {}, 1});
  });
}

TEST(VoxelContrast, TwoViewsThatAreTheSameAgreeAtEveryPlace) {
  const auto method = made::method("voxel_contrast", "resenc");
  data::Batch batch = made::batch(*method, 2);
  batch.views[1] = batch.views[0];
  const train::StepResult same = method->step(0, batch, {});
  EXPECT_NEAR(same.watch.at("agreement").item<double>(), 1, 1e-4);
  EXPECT_NEAR(same.watch.at("shared").item<double>(), 1, 1e-6);
}

TEST(VoxelContrast, AViewThatTellsAWrongPlaceAgreesLess) {
  const auto method = made::method("voxel_contrast", "resenc");
  data::Batch batch = made::batch(*method, 2);
  batch.views[1] = batch.views[0];
  const double right = made::loss(*method, batch);
  for (auto& transform : batch.views[1].voxel_to_case) transform.rows[2][3] += 6;
  EXPECT_GT(made::loss(*method, batch), right);
}
