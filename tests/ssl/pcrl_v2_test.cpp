#include <gtest/gtest.h>

#include <cmath>

#include "in_double.h"
#include "ssl/decoder_without_skips.h"
#include "story_of.h"

TEST(Pcrl, TheLossIsTheSumOfItsPartsAndTheCoarserRestorationFades) {
  const auto method = made::method("pcrl_v2", "resenc", 1, {"agreement_weight=3"});
  const data::Batch batch = made::batch(*method, 3);
  for (const auto& [step, share] :
       {std::pair{0, 1.0}, std::pair{25, (1 + std::sqrt(0.5)) / 2}, std::pair{50, 0.5}, std::pair{100, 0.0}}) {
    const train::StepResult found = made::looked(*method, batch, {step, 100, 0});
    const auto part = [&](const char* name) { return found.watch.at(name).item<double>(); };
    EXPECT_GT(part("apart_coarser"), 0);
    EXPECT_NEAR(found.loss.item<double>(),
                part("apart") + share * part("apart_coarser") + 3 * (2 - part("agreement") - part("agreement_small")),
                1e-4)
        << step;
  }
}

// Of a pair each view is compared with the other of the same sample, whichever small view it is and however many there
// are: the order of small views does not matter, and each of them has its part.
TEST(Pcrl, EverySmallViewHasItsPartAndTheirOrderDoesNotMatter) {
  const auto method = made::method("pcrl_v2", "resenc", 1, {"views.crops.small=3"});
  data::Batch batch = made::batch(*method, 3);
  ASSERT_EQ(batch.views.size(), 5u);
  const double whole = made::watched(*method, batch, "agreement_small");
  std::swap(batch.views[2], batch.views[4]);
  EXPECT_NEAR(made::watched(*method, batch, "agreement_small"), whole, 1e-5);
  for (std::size_t v = 2; v < 5; ++v) batch.views[v].images = batch.views[v].images.clone().requires_grad_();
  method->step(0, batch, {}).loss.backward();
  for (std::size_t v = 2; v < 5; ++v) {
    const at::Tensor by_sample = batch.views[v].images.grad().abs().amax({1, 2, 3, 4});
    EXPECT_GT(by_sample.min().item<double>(), 0) << v;
  }
}

// With its own rows each view agrees, with those of another sample it would not.
TEST(Pcrl, ViewsOfASampleComeToAgreeAndThoseOfOtherSamplesDoNot) {
  const auto method = made::method("pcrl_v2", "resenc");
  data::Batch batch = made::batch(*method, 3);
  made::train(*method, batch, 15);
  const double own = made::watched(*method, batch, "agreement_small");
  for (std::size_t v = 2; v < 4; ++v) batch.views[v].images = batch.views[v].images.roll({1}, {0});
  EXPECT_LT(made::watched(*method, batch, "agreement_small"), own - 0.3);
}

TEST(Pcrl, RestoresWhatWasThereBeforeTheDamageInsideTheCase) {
  const auto method = made::method("pcrl_v2", "resenc");
  data::Batch batch = made::batch(*method, 3);
  for (std::size_t v = 0; v < 2; ++v) {
    ASSERT_TRUE(batch.views[v].kept.defined());
    EXPECT_FALSE(at::equal(batch.views[v].kept, batch.views[v].images));
  }
  EXPECT_FALSE(batch.views[2].kept.defined());
  const std::vector<at::Tensor> kept{batch.views[0].kept, batch.views[1].kept};
  // What is painted does not see what is wanted: L(d) + L(-d) - 2 L(0) = 2 d^2 of L = mean (painted - wanted - d)^2.
  for (const char* part : {"apart", "apart_coarser"}) {
    const auto with = [&](double shift) {
      for (std::size_t v = 0; v < 2; ++v) batch.views[v].kept = kept[v] + shift;
      return made::watched(*method, batch, part);
    };
    EXPECT_NEAR(with(0.5) + with(-0.5) - 2 * with(0), 2 * 0.25, 1e-4) << part;
  }
  for (std::size_t v = 0; v < 2; ++v) batch.views[v].valid.zero_();
  EXPECT_EQ(made::watched(*method, batch, "apart"), 0);
  EXPECT_EQ(made::watched(*method, batch, "apart_coarser"), 0);
}

TEST(Pcrl, WithoutSmallViewsThereIsNothingOfThemInTheLoss) {
  const auto method = made::method("pcrl_v2", "resenc", 1, {"views.crops.small=0"});
  const train::StepResult found = made::looked(*method, made::batch(*method, 3));
  const auto part = [&](const char* name) { return found.watch.at(name).item<double>(); };
  EXPECT_EQ(part("agreement_small"), 0);
  EXPECT_NEAR(found.loss.item<double>(), part("apart") + part("apart_coarser") + 1 - part("agreement"), 1e-4);
}

TEST(Pcrl, WhatCannotWorkIsRefused) {
  expect_story("one large view", [] { made::method("pcrl_v2", "resenc", 1, {"views.crops.large=1"}); });
  expect_story("small views", [] { made::method("pcrl_v2", "vit", 1, {"views.small_patch=[13]"}); });
  const auto method = made::method("pcrl_v2", "resenc");
  expect_story("pcrl_v2 was given a batch of 1", [&] { made::loss(*method, made::batch(*method, 1)); });
}

TEST(Pcrl, InDoublePrecisionItIsTheSame) {
  const auto method = made::method("pcrl_v2", "resenc");
  made::expect_the_same_in_double(*method, made::batch(*method, 2));
}

TEST(DecoderWithoutSkips, ComesBackToPicturesOfAnyExtentOverTheStridesOfTheEncoder) {
  torch::manual_seed(1);
  for (const char* kind : {"resenc", "vit"}) {
    const models::Input input{1, {16, 16, 16}, {1, 1, 1}};
    const auto encoder = made::encoder(kind, input);
    ssl::DecoderWithoutSkips decoder(*encoder);
    for (const models::Extent& extent : {models::Extent{16, 12, 20}, models::Extent{13, 16, 9}}) {
      if (std::string(kind) == "vit" && extent[0] % 4 != 0) continue;
      const at::Tensor image = at::randn({2, 1, extent[0], extent[1], extent[2]});
      const auto scales = decoder.scales(encoder->features(image).back(), image.sizes().slice(2));
      ASSERT_EQ(scales.size(), decoder.channels().size());
      for (std::size_t s = 0; s < scales.size(); ++s) {
        EXPECT_EQ(scales[s].size(1), decoder.channels()[s]);
        const std::int64_t stride = std::int64_t{1} << (scales.size() - 1 - s);
        for (std::size_t a = 0; a < 3; ++a)
          EXPECT_EQ(scales[s].size(static_cast<std::int64_t>(a) + 2), (extent[a] + stride - 1) / stride) << kind;
      }
    }
  }
}

// Instance normalisation would leave the mean over space the same for every picture.
TEST(DecoderWithoutSkips, TheMeanOverSpaceTellsPicturesApart) {
  torch::manual_seed(1);
  const models::Input input{1, {16, 16, 16}, {1, 1, 1}};
  const auto encoder = made::encoder("resenc", input);
  ssl::DecoderWithoutSkips decoder(*encoder);
  at::Tensor images = at::stack({made::picture(1), made::picture(2)}).slice(2, 0, 16).slice(3, 0, 16).slice(4, 0, 16);
  const auto scales = decoder.scales(encoder->features(images.contiguous()).back(), {16, 16, 16});
  for (const at::Tensor& scale : scales) {
    const at::Tensor rows = scale.mean({2, 3, 4});
    EXPECT_GT((rows[0] - rows[1]).norm().item<double>(), 0.02 * rows[0].norm().item<double>());
  }
}
