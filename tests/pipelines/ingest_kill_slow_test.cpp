// GADOLIN_KILLS=200 kills as often as that.
#include <cstdlib>

#include "../scratch.h"
#include "killed_ingest.h"

namespace {

void expect_nothing_lost(void (*make)(const std::filesystem::path&), int kills) {
  if (const char* wanted = std::getenv("GADOLIN_KILLS")) kills = std::atoi(wanted);
  const Scratch folder;
  make(folder / "in");
  const IngestKills tally = kill_ingests(folder.path, kills);
  EXPECT_EQ(tally.broken, 0) << tally.story;
  EXPECT_EQ(tally.incomplete, 0) << tally.story;
  EXPECT_GT(tally.inside, kills / 5) << "too few runs were killed at work";
  std::printf("%d kills, %d of them with some but not all cases published\n", kills, tally.inside);
}

}  // namespace

TEST(IngestKilled, AtRandomMomentsNothingPublishedIsLostAndTheNextRunCompletesTheStore) {
  expect_nothing_lost(niftis_of, 40);
}

TEST(IngestKilled, WhileItWalksAnArchiveOfDicomOrReadsItTheNextRunCompletesTheStore) {
  expect_nothing_lost(series_of, 20);
}
