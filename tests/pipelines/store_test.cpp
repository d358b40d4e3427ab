// gadolin store.
#include <gtest/gtest.h>

#include "../store/cases.h"
#include "in_process.h"

namespace fs = std::filesystem;

TEST(StoreCommand, CheckNamesTheCaseOfADamagedShardAndLsListsAll) {
  const Scratch folder;
  const std::string store = folder.word("store");
  {
    store::Writer writer(store, {.cases_per_shard = 2});
    for (const int number : {1, 2, 3}) writer.add(small_case(number));
    writer.commit();
  }
  const Outcome sound = gadolin_in_process("store check " + store);
  EXPECT_EQ(sound.exit, 0) << sound.out;
  EXPECT_NE(sound.out.find("3 cases, 0 damaged"), std::string::npos) << sound.out;
  const Outcome listed = gadolin_in_process("store ls " + store);
  EXPECT_EQ(listed.exit, 0);
  EXPECT_NE(listed.out.find("case-102"), std::string::npos) << listed.out;
  EXPECT_NE(listed.out.find("5 x 6 x 7"), std::string::npos) << listed.out;
  EXPECT_NE(gadolin_in_process("store ls --json " + store).out.find("\"shape\":[5,6,7]"), std::string::npos);
  fs::resize_file(folder / "store/shards/shard-0001.h5", 1000);
  const Outcome damaged = gadolin_in_process("store check " + store);
  EXPECT_EQ(damaged.exit, 4) << damaged.out;
  EXPECT_NE(damaged.out.find("read case case-103"), std::string::npos) << damaged.out;
}

TEST(StoreCommand, RepackKeepsEveryCaseInAnotherLayoutAndGoesOn) {
  const Scratch folder;
  {
    store::Writer writer(folder / "in", {.plan_yaml = "a: 1\n", .cases_per_shard = 2});
    for (const int number : {1, 2, 3}) writer.add(small_case(number, {20, 30, 40}), "source " + std::to_string(number));
    writer.commit();
  }
  write_bytes(folder / "in/plan.yaml", "a: 1\n");
  const std::string in = folder.word("in"), raw = folder.word("raw"), small = folder.word("small");
  {
    store::Writer begun(raw, {.plan_yaml = "a: 1\n", .layout = {.compression = 0}});  // a run that was killed
    begun.add(small_case(2, {20, 30, 40}), "source 2");
    begun.commit();
  }
  const Outcome first = gadolin_in_process("store repack " + in + " " + raw + " --compression 0 --patch 16 16 16");
  EXPECT_EQ(first.exit, 0) << first.out;
  EXPECT_NE(first.out.find("2 added, 1 already there"), std::string::npos) << first.out;
  EXPECT_EQ(gadolin_in_process("store repack " + raw + " " + small + " --compression 9").exit, 0);
  const store::Reader before(in), fast(raw), packed(small);
  EXPECT_EQ(fast.data_hash(), before.data_hash());
  EXPECT_EQ(packed.data_hash(), before.data_hash());
  EXPECT_LT(packed.size_bytes(), fast.size_bytes());
  EXPECT_EQ(packed.plan_yaml(), "a: 1\n");
  EXPECT_EQ(packed.summary(2).source_hash, "source 3");
  EXPECT_EQ(packed.class_locations(1, 9), before.class_locations(1, 9));
  EXPECT_EQ(bytes_of(folder / "small/plan.yaml"), "a: 1\n");

  EXPECT_EQ(gadolin_in_process("store repack " + in + " " + small + " --compression 13").exit, 2);
  {
    store::Writer other(folder / "other", {.plan_yaml = "a: 1\n"});
    other.add(small_case(7));
    other.commit();
  }
  const Outcome mixed = gadolin_in_process("store repack " + in + " " + folder.word("other"));
  EXPECT_NE(mixed.exit, 0);
  EXPECT_NE(mixed.out.find("holds other cases as well"), std::string::npos) << mixed.out;
}

TEST(StoreCommand, RepackOfADamagedStoreKeepsTheOthersAndSaysWhich) {
  const Scratch folder;
  {
    store::Writer writer(folder / "in", {.cases_per_shard = 1});
    for (const int number : {1, 2}) writer.add(small_case(number));
    writer.commit();
  }
  fs::resize_file(folder / "in/shards/shard-0001.h5", 1000);
  const Outcome outcome = gadolin_in_process("store repack " + folder.word("in") + " " + folder.word("out"));
  EXPECT_EQ(outcome.exit, 4) << outcome.out;
  EXPECT_NE(outcome.out.find("case-102"), std::string::npos) << outcome.out;
  EXPECT_EQ(store::Reader(folder / "out").size(), 1);
}
