// What is special to dino, ibot and dinov2.
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

INSTANTIATE_TEST_SUITE_P(Table, EachTokenMethod, testing::Values("ibot", "dinov2"),
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
