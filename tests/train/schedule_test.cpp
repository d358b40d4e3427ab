#include "train/schedule.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"

namespace {

// 10 steps of warm-up, then 100.
train::TrainerSettings hundred(const std::string& schedule) {
  train::TrainerSettings s;
  s.steps = 110;
  s.warmup_steps = 10;
  s.learning_rate = 1.0;
  s.final_learning_rate = 0.2;
  s.schedule = schedule;
  return s;
}

class EverySchedule : public testing::TestWithParam<const train::ScheduleEntry*> {
 protected:
  static train::TrainerSettings settings() { return hundred(std::string(GetParam()->name)); }
};
INSTANTIATE_TEST_SUITE_P(Table, EverySchedule, testing::ValuesIn(train::schedules().begin(), train::schedules().end()),
                         [](const auto& each) { return std::string(each.param->name); });

TEST_P(EverySchedule, RisesLinearlyToTheHighest) {
  EXPECT_EQ(&train::schedule_named(std::string(GetParam()->name)), GetParam());
  EXPECT_DOUBLE_EQ(train::learning_rate(settings(), 0), 0.1);
  EXPECT_DOUBLE_EQ(train::learning_rate(settings(), 4), 0.5);
  EXPECT_DOUBLE_EQ(train::learning_rate(settings(), 9), 1.0);
  EXPECT_DOUBLE_EQ(train::learning_rate(settings(), 10), 1.0);
}

TEST_P(EverySchedule, IsNamedInTheHelpOfItsSetting) {
  EXPECT_FALSE(GetParam()->help.empty());
  train::TrainerSettings all;
  for (const core::Slot& slot : core::slots_of(all)) {
    if (slot.key == "schedule") {
      EXPECT_NE(slot.help.find(GetParam()->name), std::string::npos) << slot.help;
    }
  }
}

TEST_P(EverySchedule, NeverRisesAfterTheWarmUpAndStaysBetweenItsEnds) {
  for (const std::string shape : {"linear", "sqrt"}) {
    train::TrainerSettings s = settings();
    s.cooldown_shape = shape;
    for (std::int64_t step = 11; step <= 110; ++step) {
      EXPECT_LE(train::learning_rate(s, step), train::learning_rate(s, step - 1));
      EXPECT_GE(train::learning_rate(s, step), 0.2 - 1e-12);
    }
  }
}

TEST(Schedule, FollowsItsName) {
  EXPECT_DOUBLE_EQ(train::learning_rate(hundred("cosine"), 60), 0.6);
  EXPECT_NEAR(train::learning_rate(hundred("cosine"), 35), 0.2 + 0.8 * 0.5 * (1 + std::sqrt(0.5)), 1e-12);
  EXPECT_DOUBLE_EQ(train::learning_rate(hundred("cosine"), 110), 0.2);
  EXPECT_NEAR(train::learning_rate(hundred("poly"), 60), 0.2 + 0.8 * std::pow(0.5, 0.9), 1e-12);
  EXPECT_DOUBLE_EQ(train::learning_rate(hundred("constant"), 109), 1.0);
  // The last 20 of 100 steps.
  EXPECT_DOUBLE_EQ(train::learning_rate(hundred("trapezoid"), 89), 1.0);
  EXPECT_NEAR(train::learning_rate(hundred("trapezoid"), 95), 0.2 + 0.8 * 0.75, 1e-12);
  EXPECT_NEAR(train::learning_rate(hundred("trapezoid"), 110), 0.2, 1e-12);
  train::TrainerSettings root = hundred("trapezoid");
  root.cooldown_shape = "sqrt";
  EXPECT_NEAR(train::learning_rate(root, 95), 0.2 + 0.8 * 0.5, 1e-12);
  EXPECT_NEAR(train::learning_rate(root, 110), 0.2, 1e-12);
}

std::string hint_of(const train::TrainerSettings& settings) {
  try {
    settings.check();
    return "no error";
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kUsage);
    return error.story() + "; " + error.hint();
  }
}

TEST(Settings, UnknownWordsAreRefusedWithTheNearest) {
  train::TrainerSettings s;
  EXPECT_EQ(hint_of(s), "no error");
  s.schedule = "cosin";
  EXPECT_NE(hint_of(s).find("did you mean cosine?"), std::string::npos) << hint_of(s);
  s = {};
  s.optimiser = "larz";
  EXPECT_NE(hint_of(s).find("did you mean lars?"), std::string::npos) << hint_of(s);
  s = {};
  s.cooldown_shape = "square";
  s.schedule = "trapezoid";
  EXPECT_NE(hint_of(s).find("linear or sqrt"), std::string::npos) << hint_of(s);
  s = {};
  s.precision = "fp61";
  EXPECT_NE(hint_of(s).find("fp32"), std::string::npos) << hint_of(s);
  s = {};
  s.recompute = "blocks";
  EXPECT_THROW(s.check(), core::Error);
  s = {};
  s.spike = "warm";
  EXPECT_THROW(s.check(), core::Error);
}

TEST(Settings, ASettingThatTheChosenOneDoesNotReadIsRefused) {
  train::TrainerSettings s;
  s.momentum = 0.8;
  EXPECT_EQ(hint_of(s),
            "trainer.momentum means nothing to trainer.optimiser=adamw; leave it out; it is a setting of lars, sgd");
  s.optimiser = "sgd";
  EXPECT_EQ(hint_of(s), "no error");
  s.nesterov = true;
  EXPECT_EQ(hint_of(s), "no error");
  s.momentum = 0;
  EXPECT_NE(hint_of(s).find("looks ahead along a momentum that is 0"), std::string::npos) << hint_of(s);
  s = {};
  s.optimiser = "lars";
  s.beta2 = 0.95;
  EXPECT_NE(hint_of(s).find("trainer.beta2 means nothing to trainer.optimiser=lars"), std::string::npos) << hint_of(s);
  s = {};
  s.cooldown = 0.5;
  EXPECT_NE(hint_of(s).find("trainer.cooldown means nothing to trainer.schedule=cosine"), std::string::npos);
  s = hundred("constant");
  EXPECT_NE(hint_of(s).find("trainer.final_learning_rate means nothing"), std::string::npos);
}

}  // namespace
