#include "core/log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "core/error.h"

namespace core {
namespace {

TEST(Log, OneCallIsOneLineOnStderrWhateverTheMessageHolds) {
  testing::internal::CaptureStderr();
  testing::internal::CaptureStdout();
  log_warn("a file named\nevil\x1b[2J {}");
  const std::string line = testing::internal::GetCapturedStderr();
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  EXPECT_NE(line.find("warn"), std::string::npos) << line;
  EXPECT_NE(line.find("a file named\\nevil\\x1b[2J {}"), std::string::npos) << line;
}

TEST(Log, ThePrefixStandsBeforeTheMessage) {
  set_log_prefix("[rank 1] ");
  testing::internal::CaptureStderr();
  log_warn("a step is left out");
  EXPECT_NE(testing::internal::GetCapturedStderr().find("[rank 1] a step is left out"), std::string::npos);
  set_log_prefix("");
}

TEST(Log, WhatIsBelowTheLevelIsDropped) {
  const LogLevel before = log_level();
  EXPECT_EQ(before, LogLevel::kInfo);
  set_log_level(LogLevel::kError);
  EXPECT_EQ(log_level(), LogLevel::kError);
  testing::internal::CaptureStderr();
  log_info("nobody reads this");
  log_error("but this");
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(text.find("nobody"), std::string::npos);
  EXPECT_NE(text.find("but this"), std::string::npos);
  set_log_level(before);
  EXPECT_EQ(log_level_named("debug"), LogLevel::kDebug);
  EXPECT_THROW(log_level_named("loud"), Error);
}

}  // namespace
}  // namespace core
