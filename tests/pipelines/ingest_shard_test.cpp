// gadolin ingest --shard, and the parts put together again.
#include <gtest/gtest.h>

#include "../scratch.h"
#include "in_process.h"
#include "killed_ingest.h"
#include "store/reader.h"

namespace fs = std::filesystem;

namespace {

void cohort_of(const fs::path& folder, int count) {
  for (int i = 0; i < count; ++i)
    image_of(folder / ("case" + std::to_string(100 + i) + ".nii.gz"), i, volume::Shape{5, 6, 7});
}

}  // namespace

TEST(IngestShard, PartsMadeByShardAndMergedAreTheStoreOfOneRun) {
  const Scratch folder;
  cohort_of(folder / "in", 11);
  std::string parts;
  std::int64_t sum = 0;
  for (const char* part : {"1", "2", "3"}) {
    const std::string store = folder.word(std::string("part") + part);
    const Outcome made = gadolin_in_process("ingest " + folder.word("in") + " " + store + " --shard " + part + "/3");
    ASSERT_EQ(made.exit, 0) << made.out;
    sum += store::Reader(store).size();
    parts += " " + store;
  }
  EXPECT_EQ(sum, 11);
  ASSERT_EQ(gadolin_in_process("ingest " + folder.word("in") + " " + folder.word("one")).exit, 0);
  const Outcome merged = gadolin_in_process("store merge " + folder.word("all") + parts);
  EXPECT_EQ(merged.exit, 0) << merged.out;
  EXPECT_NE(merged.out.find("11 cases"), std::string::npos) << merged.out;
  EXPECT_EQ(store::Reader(folder / "all").data_hash(), store::Reader(folder / "one").data_hash());
  const auto noted = [&] {
    const std::string lines = bytes_of(folder / "all/qc/cases.jsonl");
    return std::count(lines.begin(), lines.end(), '\n');
  };
  EXPECT_EQ(noted(), 11);
  const Outcome again = gadolin_in_process("ingest " + folder.word("in") + " " + folder.word("all"));
  EXPECT_EQ(again.exit, 0) << again.out;
  EXPECT_NE(again.out.find("11 already there"), std::string::npos) << again.out;
  EXPECT_EQ(noted(), 11) << "quality control looked at cases again";
}

TEST(IngestShard, APartOfNoWholeIsAUsageError) {
  const Scratch folder;
  cohort_of(folder / "in", 1);
  for (const char* part : {"0/3", "4/3", "1", "1/3x", "a/b"}) {
    const Outcome outcome =
        gadolin_in_process("ingest " + folder.word("in") + " " + folder.word("out") + " --shard " + part);
    EXPECT_EQ(outcome.exit, 2) << part << outcome.out;
    EXPECT_FALSE(fs::exists(folder / "out"));
  }
}
