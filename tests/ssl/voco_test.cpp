#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "made.h"
#include "story_of.h"

TEST(Voco, WhereCropsLieBelongsToTheSample) {
  const auto method = made::method("voco", "resenc");
  data::Batch batch = made::batch(*method, 2);
  const double loss = made::loss(*method, batch);
  EXPECT_EQ(made::loss(*method, batch), loss);
  batch.sample += 100;
  EXPECT_NE(made::loss(*method, batch), loss);
}

// A loss of a batch is the mean of those of its samples: they do not meet.
TEST(Voco, SamplesDoNotMeet) {
  const auto method = made::method("voco", "resenc");
  const data::Batch batch = made::batch(*method, 3);
  double mean = 0;
  for (std::int64_t i = 0; i < 3; ++i) mean += made::loss(*method, batch.part(i, 1)) / 3;
  EXPECT_NEAR(made::loss(*method, batch), mean, 1e-4);
}

// On one picture after another whose parts look unlike each other the place of crops of further pictures gets told
// better than by the network as it began.
TEST(Voco, PlacesAreToldBetterInOtherPictures) {
  const auto method = made::method("voco", "resenc", 1, {"hidden_size=32", "projection_size=16", "mirror.chance=0"});
  const auto draw = [](std::uint64_t number) {
    core::Rng rng({number, 3, 0, 0});
    const at::Tensor along = at::arange(24, at::kFloat) / 6;
    return (along.view({1, 1, 24, 1}) + (2 * along).sin().view({1, 1, 1, 24}) + rng.uniform(-0.2, 0.2))
        .expand({1, 24, 24, 24})
        .contiguous();
  };
  const auto position = [&] {
    const at::NoGradGuard no_gradient;
    return method->step(0, made::batch(*method, 8, 5000, draw), {}).watch.at("position").item<double>();
  };
  const double before = position();
  std::vector<train::Optimiser> optimisers;
  optimisers.emplace_back(method->phases()[0], train::TrainerSettings{});
  for (std::uint64_t step = 0; step < 40; ++step) {
    optimisers[0].clear_gradients();
    method->step(0, made::batch(*method, 2, 2 * step, draw), {}).loss.backward();
    optimisers[0].update({.learning_rate = 3e-3});
    method->after_update({static_cast<std::int64_t>(step), 40, 0});
  }
  EXPECT_LT(position(), 0.8 * before);
}

TEST(Voco, SettingsThatCannotWorkAreRefusedWithWhatToDo) {
  EXPECT_NE(made::refusal_of("voco", "resenc", {"bases=[4, 4]"}).find("method.bases has 2 numbers"), std::string::npos);
  EXPECT_NE(made::refusal_of("voco", "resenc", {"bases=[1, 1, 1]"}).find("nothing to compare"), std::string::npos);
  EXPECT_NE(made::refusal_of("voco", "resenc", {"bases=[4, 4, 4]"}).find("into crops of 4 x 4 x 4"), std::string::npos);
}
