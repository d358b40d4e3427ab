#include "core/duration.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace {

TEST(Duration, IsReadAsAPersonWritesIt) {
  EXPECT_EQ(core::duration_seconds("23h30m"), 84600);
  EXPECT_EQ(core::duration_seconds("90m"), 5400);
  EXPECT_EQ(core::duration_seconds("1d2h"), 93600);
  EXPECT_EQ(core::duration_seconds("1d2h3m4s"), 93784);
  EXPECT_EQ(core::duration_seconds("3600s"), 3600);
  EXPECT_EQ(core::duration_seconds("3600"), 3600);
  EXPECT_EQ(core::duration_seconds("1.5h"), 5400);
  EXPECT_EQ(core::duration_seconds("0.25"), 0.25);
}

TEST(Duration, WhatIsNoneIsRefusedWithExamples) {
  for (const char* const text :
       {"", "h", "1x", "30m1h", "1h1h", "1h30", "-5m", "0", "0s", "1e3", "inf", "nan", "1 h", "h1", "5m "}) {
    try {
      core::duration_seconds(text);
      ADD_FAILURE() << "'" << text << "' was taken";
    } catch (const core::Error& error) {
      EXPECT_EQ(error.exit(), core::Exit::kUsage);
      EXPECT_NE(error.hint().find("23h30m"), std::string::npos);
    }
  }
}

}  // namespace
