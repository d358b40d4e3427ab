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
