#include "core/progress.h"

#include <gtest/gtest.h>

namespace {

TEST(Progress, TellsRateAndTimeLeft) {
  core::Progress progress("pretrain", "steps", 100, core::Progress::Style::kSilent);
  progress.advance(40, "loss 1.23");
  EXPECT_EQ(progress.line(5), "pretrain 40/100 steps, 8.0 steps/s, 8 s left, loss 1.23");
  EXPECT_EQ(progress.line(400), "pretrain 40/100 steps, 10.0 s each, 10:00 left, loss 1.23");
}

TEST(Progress, WhatWasDoneBeforeCountsButNotForTheRate) {
  core::Progress progress("train", "steps", 100, core::Progress::Style::kSilent, 60);
  EXPECT_EQ(progress.line(5), "train 60/100 steps");
  progress.advance(10);
  EXPECT_EQ(progress.line(5), "train 70/100 steps, 2.0 steps/s, 15 s left");
}

}  // namespace
