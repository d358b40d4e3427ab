#include "killed_ingest.h"

TEST(IngestKilled, FiftyTimesAtRandomMomentsNothingPublishedIsLostAndTheNextRunCompletesTheStore) {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("gadolin_ingest_kills_" + std::to_string(::getpid()));
  const IngestKills tally = kill_ingests(folder, 50);
  std::filesystem::remove_all(folder);
  EXPECT_EQ(tally.broken, 0) << tally.story;
  EXPECT_EQ(tally.incomplete, 0) << tally.story;
  EXPECT_GT(tally.inside, 10) << "too few runs were killed at work";
}
