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

TEST(PretrainRanks, AfterAKillTheRunEndsAtTheBytesOfOneThatWasNotBroken) {
  const Scratch folder;
  tiny::prepared_store(folder / "store");
  const auto arguments = pretraining(folder, "run",
                                     " --set trainer.steps=40 --set data.batch_size=4"
                                     " --set trainer.checkpoint_every=2 --set trainer.log_every=4");
  for (const Ended& end : Ranks(folder, 2, arguments).wait()) ASSERT_EQ(end.exit, 0) << end.said;
  const std::string whole = bytes_of(folder / "run/checkpoint-40.gadolin"), rows = bytes_of(folder / "run/metrics.csv");
  ASSERT_FALSE(whole.empty());
  for (const std::size_t victim : {0u, 1u}) {
    fs::remove_all(folder / "run");
    {
      const Ranks ranks(folder, 2, arguments);
      ranks::wait_for(folder / "run/checkpoint-10.gadolin");
      const auto killed = std::chrono::steady_clock::now();
      ::kill(ranks[victim], SIGKILL);
      const auto ends = ranks.wait();
      EXPECT_LT(std::chrono::steady_clock::now() - killed, std::chrono::seconds(60));
      const Ended& other = ends[1 - victim];
      EXPECT_EQ(other.exit, 3) << other.said;
      EXPECT_NE(other.said.find("rank " + std::to_string(victim) + " of 2 has ended"), std::string::npos) << other.said;
    }
    ASSERT_FALSE(fs::exists(folder / "run/checkpoint-40.gadolin"));
    for (const Ended& end : Ranks(folder, 2, arguments).wait()) ASSERT_EQ(end.exit, 0) << end.said;
    EXPECT_TRUE(bytes_of(folder / "run/checkpoint-40.gadolin") == whole) << victim;
    EXPECT_EQ(bytes_of(folder / "run/metrics.csv"), rows);
  }
}

TEST(PretrainRanks, ARankThatHangsIsNamedAfterTheTimeout) {
  const Scratch folder;
  tiny::prepared_store(folder / "store");
  for (const std::size_t victim : {0u, 1u}) {
    fs::remove_all(folder / "run");
    const Ranks ranks(folder, 2,
                      pretraining(folder, "run",
                                  " --rank-timeout 4 --set trainer.steps=100000 --set data.batch_size=4"
                                  " --set trainer.checkpoint_every=2"));
    ranks::wait_for(folder / "run/checkpoint-2.gadolin");
    ::kill(ranks[victim], SIGSTOP);
    const int end = end_of(ranks[1 - victim]);
    const std::string said = bytes_of(folder / ("said-" + std::to_string(1 - victim)));
    ::kill(ranks[victim], SIGKILL);
    EXPECT_EQ(end_of(ranks[victim]), 128 + SIGKILL);
    EXPECT_EQ(end, 3) << said;
    EXPECT_NE(said.find("rank " + std::to_string(victim) + " of 2 has ended or did not answer"), std::string::npos)
        << said;
  }
}

TEST(PretrainRanks, FourProcessesLearnWhatOneLearns) {
  const Scratch folder;
  tiny::prepared_store(folder / "store");
  const std::string more = " --set trainer.steps=10 --set data.batch_size=8";
  for (const Ended& end : Ranks(folder, 1, pretraining(folder, "one", more)).wait()) ASSERT_EQ(end.exit, 0) << end.said;
  for (const Ended& end : Ranks(folder, 4, pretraining(folder, "four", more)).wait())
    ASSERT_EQ(end.exit, 0) << end.said;
  const auto one = train::read_metrics(folder / "one/metrics.csv"),
             four = train::read_metrics(folder / "four/metrics.csv");
  for (const char* const name : {"loss", "gradient_norm"}) {
    for (std::size_t row = 0; row < 10; ++row)
      EXPECT_NEAR(four.at(name).at(row).second, one.at(name).at(row).second, 1e-4 * one.at(name)[row].second)
          << name << " after step " << row + 1;
  }
}

}  // namespace
