#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "pretrain_ranks.h"
#include "train/metrics.h"

namespace {

using namespace ranks;

TEST(PretrainRanks, WhenOneIsKilledTheOtherEndsAndNamesItAndTheSameCommandGoesOn) {
  const Scratch folder;
  tiny::prepared_store(folder / "store");
  const auto arguments =
      pretraining(folder, "run",
                  " --rank-timeout 30 --set trainer.steps=40 --set data.batch_size=4 --set trainer.checkpoint_every=2");
  {
    const Ranks ranks(folder, 2, arguments);
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!fs::exists(folder / "run/checkpoint-4.gadolin") && std::chrono::steady_clock::now() < patience)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ::kill(ranks[1], SIGKILL);
    const auto ends = ranks.wait();
    EXPECT_EQ(ends[1].exit, 128 + SIGKILL);
    EXPECT_EQ(ends[0].exit, 3) << ends[0].said;
    EXPECT_NE(ends[0].said.find("rank 1 of 2 has ended"), std::string::npos) << ends[0].said;
    EXPECT_FALSE(fs::exists(folder / "run/checkpoint-40.gadolin"));
  }
  for (const Ended& end : Ranks(folder, 2, arguments).wait()) EXPECT_EQ(end.exit, 0) << end.said;
  EXPECT_EQ(train::read_metrics(folder / "run/metrics.csv").at("loss").size(), 40u);
}

}  // namespace
