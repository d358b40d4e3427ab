#include "core/error.h"

#include <gtest/gtest.h>

TEST(Error, ReadsFromTheOutsideInAndEndsWithTheHint) {
  try {
    core::with_context("ingest patient 0012", [] {
      core::with_context("slice 17", [] { throw core::Error("pixel data is short", "fetch the series again"); });
    });
    FAIL() << "nothing was thrown";
  } catch (const core::Error& error) {
    EXPECT_STREQ(error.what(), "ingest patient 0012: slice 17: pixel data is short. Hint: fetch the series again");
    EXPECT_EQ(error.exit(), core::Exit::kNothingUsable);
  }
}

TEST(Error, KeepsItsExitCodeOnTheWayUp) {
  try {
    core::with_context("config", [] { throw core::usage_error("unknown key"); });
    FAIL() << "nothing was thrown";
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kUsage);
  }
}

TEST(Check, IsOurBugAndNotAnError) { EXPECT_THROW(GADOLIN_CHECK(1 + 1 == 3), std::logic_error); }
