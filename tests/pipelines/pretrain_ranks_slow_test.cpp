#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "pretrain_ranks.h"
#include "train/metrics.h"

namespace {

using namespace ranks;

TEST(PretrainRanks, WhenOneIsKilledTheOtherNamesItAndTwoOrOneGoOnAlike) {
  const Scratch folder;
  tiny::prepared_store(folder / "store");
  const auto arguments = [&](const std::string& out) {
    return pretraining(folder, out,
                       " --rank-timeout 30 --set trainer.steps=40 --set data.batch_size=4"
                       " --set trainer.checkpoint_every=2 --set trainer.log_every=4");
  };
  {
    const Ranks ranks(folder, 2, arguments("run"));
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!fs::exists(folder / "run/checkpoint-6.gadolin") && std::chrono::steady_clock::now() < patience)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ::kill(ranks[1], SIGKILL);
    const auto ends = ranks.wait();
    EXPECT_EQ(ends[1].exit, 128 + SIGKILL);
    EXPECT_EQ(ends[0].exit, 3) << ends[0].said;
    EXPECT_NE(ends[0].said.find("rank 1 of 2 has ended"), std::string::npos) << ends[0].said;
    EXPECT_FALSE(fs::exists(folder / "run/checkpoint-40.gadolin"));
  }
  fs::copy(folder / "run", folder / "alone", fs::copy_options::recursive);
  for (const Ended& end : Ranks(folder, 2, arguments("run")).wait()) EXPECT_EQ(end.exit, 0) << end.said;
  for (const Ended& end : Ranks(folder, 1, arguments("alone")).wait()) EXPECT_EQ(end.exit, 0) << end.said;
  const auto two = train::read_metrics(folder / "run/metrics.csv").at("loss");
  const auto one = train::read_metrics(folder / "alone/metrics.csv").at("loss");
  ASSERT_EQ(two.size(), 10u);
  ASSERT_EQ(one.size(), 10u);
  for (std::size_t row = 0; row < 10; ++row)
    EXPECT_NEAR(one[row].second, two[row].second, 1e-3 * two[row].second) << "after step " << two[row].first;
}

}  // namespace
