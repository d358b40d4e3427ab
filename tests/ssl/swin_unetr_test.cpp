#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "made.h"

TEST(SwinUnetr, TheLossIsTheSumOfItsThreeParts) {
  const auto with = [](double rotation, double contrast, double inpaint) {
    const auto method =
        made::method("swin_unetr", "resenc", 1,
                     {"rotation_weight=" + std::to_string(rotation), "contrast_weight=" + std::to_string(contrast),
                      "inpaint_weight=" + std::to_string(inpaint)});
    return made::looked(*method, made::batch(*method, 3));
  };
  const auto all = with(1, 1, 1);
  EXPECT_NEAR(with(0, 1, 0).loss.item<double>(), all.watch.at("contrast").item<double>(), 1e-5);
  EXPECT_NEAR(with(0, 0, 1).loss.item<double>(), all.watch.at("apart").item<double>(), 1e-5);
  const double rotation = with(1, 0, 0).loss.item<double>();
  EXPECT_GT(rotation, 0);
  EXPECT_NEAR(all.loss.item<double>(),
              rotation + all.watch.at("contrast").item<double>() + all.watch.at("apart").item<double>(), 1e-5);
}

// The painted picture q does not see the undamaged one: with d beyond every |q - x|, the mean |q - x - d| at d and at
// -d is 2 d together.
TEST(SwinUnetr, PaintsTheUndamagedViewTurnedAsTheDamagedOne) {
  const auto method = made::method("swin_unetr", "resenc", 1, {"rotations=24"});
  data::Batch batch = made::batch(*method, 3);
  const auto apart_with = [&](double shift) {
    data::Batch other = batch;
    for (data::View& view : other.views) view.kept = view.kept + shift;
    return made::looked(*method, other).watch.at("apart").item<double>();
  };
  EXPECT_NEAR(apart_with(100) + apart_with(-100), 200, 1e-3);
  for (data::View& view : batch.views) view.valid.zero_();
  EXPECT_EQ(made::looked(*method, batch).watch.at("apart").item<double>(), 0);
}

TEST(SwinUnetr, ABatchOfOneIsRefused) {
  const auto method = made::method("swin_unetr", "resenc");
  try {
    made::looked(*method, made::batch(*method, 1));
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kUsage);
    EXPECT_NE(error.hint().find("batch_size of 2"), std::string::npos);
  }
}
