#include <gtest/gtest.h>

#include "made.h"
#include "story_of.h"

namespace {

class EachSimmim : public testing::TestWithParam<std::string> {};

}  // namespace

// What is said, p, does not see hidden voxels: with d beyond every |p - x|, the loss mean |p - x - d| at d and -d is 2
// d together, whatever p is.
TEST_P(EachSimmim, HiddenVoxelsReachTheLossButNotWhatIsSaid) {
  const auto method = made::method("simmim", GetParam());
  data::Batch batch = made::batch(*method, 3);
  const at::Tensor images = batch.views[0].images, hidden = made::hidden_of(batch);
  const auto loss_with = [&](double shift) {
    batch.views[0].images = images + shift * hidden;
    return made::loss(*method, batch);
  };
  EXPECT_NEAR(loss_with(100) + loss_with(-100), 200, 1e-3);
}

TEST_P(EachSimmim, WhatIsVisibleReachesWhatIsSaid) {
  const auto method = made::method("simmim", GetParam());
  data::Batch batch = made::batch(*method, 3);
  const double loss = made::loss(*method, batch);
  batch.views[0].images = batch.views[0].images + 0.5 * (1 - made::hidden_of(batch));
  EXPECT_NE(made::loss(*method, batch), loss);
}

TEST_P(EachSimmim, WhatLiesOutsideOfTheCaseIsNotCounted) {
  const auto method = made::method("simmim", GetParam());
  data::Batch batch = made::batch(*method, 3);
  batch.views[0].valid.slice(2, 0, 7).zero_();
  const at::Tensor outside = made::hidden_of(batch) * (1 - batch.views[0].valid.unsqueeze(1));
  ASSERT_GT(outside.sum().item<double>(), 0);
  const double loss = made::loss(*method, batch);
  batch.views[0].images = batch.views[0].images + 100 * outside;
  EXPECT_EQ(made::loss(*method, batch), loss);
  batch.views[0].valid.zero_();
  EXPECT_EQ(made::loss(*method, batch), 0);
}

INSTANTIATE_TEST_SUITE_P(Simmim, EachSimmim, testing::Values("resenc", "vit", "primus", "swin_unetr"),
                         [](const auto& info) { return info.param; });

TEST(Simmim, APatchThatIsNoMultipleOfTheStrideIsSaidAsAWhole) {
  at::set_num_threads(1);
  torch::manual_seed(1);
  const models::Input input{2, {15, 18, 17}, {1, 1, 1}};
  for (const char* const encoder : {"resenc", "swin_unetr"}) {
    const auto method = made::method(
        "simmim", [&] { return made::encoder(encoder, input); }, input);
    const data::Batch batch = made::batch(*method, 2, 0, [](std::uint64_t number) {
      return at::cat({made::picture(number), made::picture(number + 9)});
    });
    EXPECT_GT(made::loss(*method, batch), 0);
  }
}

TEST(Simmim, SettingsThatCannotWorkAreRefusedWithWhatToDo) {
  EXPECT_NE(made::refusal_of("simmim", "resenc", {"hidden=0"}).find("Hint: take smaller blocks"), std::string::npos);
  EXPECT_NE(made::refusal_of("simmim", "vit", {"hidden=1"}).find("one left to see"), std::string::npos);
  EXPECT_NE(made::refusal_of("simmim", "resenc", {"block=[32]"}).find("do not fit a patch of 16 x 16 x 16"),
            std::string::npos);
  EXPECT_NE(made::refusal_of("simmim", "vit", {"block=[6]"}).find("looks at 4 x 4 x 4 voxels as one"),
            std::string::npos);
  EXPECT_NE(made::refusal_of("simmim", "vit", {"block=[4, 4]"}).find("method.block has 2 numbers"), std::string::npos);
  EXPECT_NE(made::refusal_of("simmim", "swin_unetr", {"block=[5]"}).find("looks at 2 x 2 x 2 voxels as one"),
            std::string::npos);
}
