// What is special to methods that group samples.
#include <gtest/gtest.h>

#include "made.h"
#include "story_of.h"

TEST(Swav, TheQueueGrowsToItsLengthAndKeepsTheNewest) {
  const auto method = made::method("swav", "vit", 1, {"queue=10", "prototypes=8"});
  const data::Batch batch = made::batch(*method, 4);
  std::vector<std::int64_t> lengths;
  at::Tensor before;
  for (int step = 0; step < 4; ++step) {
    before = made::state(*method, "queue");
    made::train(*method, batch, 1);
    lengths.push_back(made::state(*method, "queue").size(1));
  }
  EXPECT_EQ(lengths, (std::vector<std::int64_t>{4, 8, 10, 10}));
  EXPECT_TRUE(at::equal(made::state(*method, "queue").slice(1, 4), before.slice(1, 0, 6)));
}

TEST(Swav, MorePrototypesThanSamplesAreRefused) {
  const auto method = made::method("swav", "vit", 1, {"queue=10", "prototypes=16"});
  expect_story("16 prototypes cannot be shared out among 4 samples of a batch and 10 of the queue",
               [&] { made::loss(*method, made::batch(*method, 4)); });
}

TEST(Swav, WantsTwoViewsAndASmallOneThatTheEncoderCanTake) {
  expect_story("swav has one view", [] {
    made::method("swav", "vit", 1, {"views.crops.large=1", "views.crops.small=0"});
  });
  expect_story("small views: an image of 6 x 6 x 6 voxels cannot be cut into tokens of 4 x 4 x 4",
               [] { made::method("swav", "vit", 1, {"views.small_patch=[6]"}); });
  expect_story("small_patch has 2 numbers", [] { made::method("swav", "vit", 1, {"views.small_patch=[8, 8]"}); });
}

TEST(Swav, SmallViewsHaveTheSizeThatWasAskedForOrHalfOfThePatch) {
  for (const auto& [given, size] : std::map<std::string, std::int64_t>{{"[]", 8}, {"[12]", 12}, {"[4, 8, 16]", 4}}) {
    const auto method = made::method("swav", "vit", 1, {"views.small_patch=" + given, "views.crops.small=3"});
    const data::Batch batch = made::batch(*method, 2);
    ASSERT_EQ(batch.views.size(), 5u);
    EXPECT_EQ(batch.views[1].images.size(2), 16);
    EXPECT_EQ(batch.views[2].images.size(2), size);
  }
}

TEST(Deepcluster, EveryCaseOfThePassHasAGroupAndEveryGroupTheSameShareInTheLoss) {
  const auto method = made::method("deepcluster", "vit", 1, {"clusters=5"});
  made::begin_epoch(*method, 40);
  const at::Tensor sizes = made::state(*method, "group_of_case").narrow(0, 0, 40).bincount({}, 5);
  ASSERT_EQ(sizes.numel(), 5);
  EXPECT_GT(sizes.min().item<std::int64_t>(), 0);
  EXPECT_TRUE(at::allclose(made::state(*method, "weight") * sizes, at::full({5}, 8.0), 1e-5, 1e-5));
}

TEST(Deepcluster, TheClassifierBeginsAnewWithEachEpochAndAlikeOnEveryRank) {
  const auto first = made::method("deepcluster", "vit", 1), second = made::method("deepcluster", "vit", 2);
  const auto classifier = [](ssl::Method& method) {
    for (const auto& [name, tensor] : method.weights()) {
      if (name == "classifier.weight") return tensor.clone();
    }
    return at::Tensor();
  };
  const data::Batch all = made::batch(*first, 24);
  const auto begin = [&](ssl::Method& method, std::int64_t epoch) {
    made::Pass pass(all);
    method.before_epoch(pass, {0, 10, epoch});
    return classifier(method);
  };
  const at::Tensor begun = begin(*first, 0);
  EXPECT_TRUE(at::equal(begun, begin(*second, 0))) << "another encoder";
  EXPECT_LT(begun.abs().max().item<double>(), 0.06) << "it knows nothing yet";
  made::train(*first, made::batch(*first, 4), 10);
  EXPECT_FALSE(at::equal(classifier(*first), begun));
  EXPECT_FALSE(at::equal(begin(*first, 1), begun));
  EXPECT_TRUE(at::equal(begin(*first, 0), begun));
}

TEST(Deepcluster, MoreClustersThanCasesAreRefusedBeforeThePass) {
  const auto method = made::method("deepcluster", "vit", 1, {"clusters=30"});
  expect_story("deepcluster has 30 clusters for 24 cases", [&] { made::begin_epoch(*method); });
}

TEST(DeepclusterV2, EveryCaseOfThePassHasAGroupAndNoGroupIsEmpty) {
  const auto method = made::method("deepcluster_v2", "vit", 1, {"clusters=[3, 5]"});
  made::begin_epoch(*method, 20);
  const at::Tensor groups = made::state(*method, "group_of_case").narrow(1, 0, 20);
  ASSERT_EQ(groups.size(0), 2);
  EXPECT_EQ(groups[0].bincount({}, 3).numel(), 3);
  EXPECT_GT(groups[0].bincount({}, 3).min().item<std::int64_t>(), 0);
  EXPECT_EQ(groups[1].bincount({}, 5).numel(), 5);
}

TEST(DeepclusterV2, TheSameCasesComeToTheSameGroups) {
  const auto first = made::method("deepcluster_v2", "vit"), second = made::method("deepcluster_v2", "vit");
  made::begin_epoch(*first);
  made::begin_epoch(*second);
  EXPECT_TRUE(at::equal(made::state(*first, "group_of_case"), made::state(*second, "group_of_case")));
}

TEST(DeepclusterV2, MoreGroupsThanCasesAreRefused) {
  const auto method = made::method("deepcluster_v2", "vit", 1, {"clusters=[30]"});
  expect_story("30 clusters of 24 cases", [&] { made::begin_epoch(*method); });
}
