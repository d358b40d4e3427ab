#include "prepare/plan.h"

#include <gtest/gtest.h>

#include "core/error.h"

using prepare::Plan;
using prepare::Scheme;

namespace {

Plan odd_plan() {
  Plan plan;
  plan.orientation = "LAI";
  plan.spacing_mm = {1.0 / 3, 0.9765623450279236, 5};
  plan.crop = false;
  plan.margin_mm = 2.5;
  plan.interpolation = "linear";
  plan.separate_above = 2.7;
  plan.across = "nearest";
  plan.patch = {16, 160, 96};
  plan.batch_size = 3;
  plan.voxels = "int16";
  plan.mask = "body";
  plan.bias = {true, 6, 2, 70};
  plan.channels = {{"T1 \"post\": #2", "MR", Scheme::kCase, 0, 0, 0, 1},
                   {"portal.venous", "CT", Scheme::kCohort, -958.0 / 7, 1e-9, 1.0 / 3, 123456.789},
                   {"3", "OT", Scheme::kKeep, 0, 0, 0, 1}};
  return plan;
}

std::string story_of(const std::string& text) {
  try {
    prepare::plan_from_yaml(text, "plan.yaml");
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kUsage);
    return error.what();
  }
  return "";
}

}  // namespace

TEST(Plan, ReadsBackToTheLastBitWhateverChannelsAreCalled) {
  const Plan plan = odd_plan();
  const std::string text = prepare::to_yaml(plan);
  EXPECT_EQ(prepare::plan_from_yaml(text, "plan.yaml"), plan) << text;
  EXPECT_EQ(prepare::to_yaml(prepare::plan_from_yaml(text, "plan.yaml")), text);
}

TEST(Plan, EveryKeyHasAComment) {
  std::string text = prepare::to_yaml(odd_plan());
  std::size_t lines = 0;
  for (std::size_t at = 0; at < text.size(); ++lines) {
    const std::size_t end = text.find('\n', at);
    const std::string line = text.substr(at, end - at);
    const bool section = line.ends_with(':');
    EXPECT_TRUE(section || line.find("# ") != std::string::npos) << line;
    at = end + 1;
  }
  EXPECT_GT(lines, 30U);
}

TEST(Plan, AnUnknownKeyIsToldWithFileLineAndTheNearestOne) {
  const std::string story = story_of("orientation: SPL\nspacing: [1, 1, 1]\nchannels:\n  0:\n    name: T1\n");
  EXPECT_NE(story.find("plan.yaml:2"), std::string::npos) << story;
  EXPECT_NE(story.find("spacing_mm"), std::string::npos) << story;
  EXPECT_NE(story_of("channels:\n  0:\n    nam: T1\n").find("plan.yaml:3"), std::string::npos);
}

TEST(Plan, WhatAPersonWritesCanBeShort) {
  const Plan plan = prepare::plan_from_yaml("spacing_mm: [3, 1, 1]\nchannels: {0: {name: T1, modality: MR}}\n", "p");
  EXPECT_EQ(plan.spacing_mm, (std::array<double, 3>{3, 1, 1}));
  EXPECT_EQ(plan.orientation, "SPL");
  ASSERT_EQ(plan.channels.size(), 1U);
  EXPECT_EQ(plan.channels[0].scheme, Scheme::kCase);
  EXPECT_EQ(plan.mask, "none");
  EXPECT_FALSE(plan.bias.correct);
  EXPECT_EQ(prepare::plan_from_yaml("channels: {0: {name: T1, modality: MR}}\nbias: {correct: true}\n", "p").bias,
            (prepare::BiasSettings{true, 4, 3, 50}));
}

TEST(Plan, WhatMakesNoSenseIsRefused) {
  const std::string channel = "channels: {0: {name: T1}}\n";
  EXPECT_NE(story_of("orientation: SPX\n" + channel).find("SPX"), std::string::npos);
  EXPECT_NE(story_of("spacing_mm: [1, 1]\n" + channel).find("wanted three"), std::string::npos);
  EXPECT_NE(story_of("interpolation: quintic\n" + channel).find("quintic"), std::string::npos);
  EXPECT_NE(story_of("crop: true\n").find("no channel"), std::string::npos);
  EXPECT_NE(story_of("channels: {0: {name: T1}, 1: {name: T1}}\n").find("twice"), std::string::npos);
  EXPECT_NE(story_of("channels: {0: {name: T1, scheme: zscore}}\n").find("zscore"), std::string::npos);
  EXPECT_NE(story_of("channels: {0: {name: T1, scheme: cohort, deviation: 0}}\n").find("deviation"), std::string::npos);
  EXPECT_NE(story_of("mask: head\n" + channel).find("'head'"), std::string::npos);
  EXPECT_NE(story_of("mask: brain\n" + channel).find("no channel is MR"), std::string::npos);
  EXPECT_NE(story_of("bias: {correct: true}\nchannels: {0: {name: CT, modality: CT}}\n").find("no channel is MR"),
            std::string::npos);
  EXPECT_NE(story_of("bias: {control_points: 3}\n" + channel).find("control_points"), std::string::npos);
  EXPECT_NE(story_of("bias: {control_points: 32, levels: 6}\n" + channel).find("32 control points"), std::string::npos);
  EXPECT_NE(story_of("plan_version: 2\n" + channel).find("version 2"), std::string::npos);
}

// What gadolin wrote before there were masks and bias correction.
TEST(Plan, OneWrittenBeforeReadsAsOneWithoutMaskAndCorrection) {
  Plan plan = odd_plan();
  plan.mask = "none";
  plan.bias = {};
  std::string text = prepare::to_yaml(plan);
  for (const char* key : {"\nmask: ", "\nbias:"}) {
    const std::size_t at = text.find(key);
    ASSERT_NE(at, std::string::npos) << key;
    std::size_t end = text.find('\n', at + 1);
    while (text[end + 1] == ' ') end = text.find('\n', end + 1);
    text.erase(at, end - at);
  }
  EXPECT_EQ(text.find("correct"), std::string::npos);
  EXPECT_EQ(prepare::plan_from_yaml(text, "plan.yaml"), plan) << text;
}
