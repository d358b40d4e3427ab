#include "killed.h"

TEST(StoreKilled, FiftyTimesAtRandomMomentsNothingPublishedIsLostOrWrong) {
  const Scratch scratch;
  const KillTally tally = kill_writers(scratch.path, 50);
  EXPECT_EQ(tally.broken, 0);
  EXPECT_EQ(tally.incomplete, 0);
  EXPECT_GT(tally.inside, 10) << "too few writers were killed at work";
}
