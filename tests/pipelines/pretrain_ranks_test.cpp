#include "pretrain_ranks.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <csignal>
#include <thread>

#include "train/metrics.h"

namespace {

using namespace ranks;

TEST(PretrainRanks, TwoProcessesWithHalfTheBatchEachLearnWhatOneLearns) {
  const Scratch folder;
  tiny::prepared_store(folder / "store");
  // AdamW makes a whole step of the sign of a gradient that is nearly 0, which rounding decides.
  const std::string more = " --set trainer.steps=10 --set data.batch_size=4 --set trainer.optimiser=sgd";
  for (const Ended& end : Ranks(folder, 1, pretraining(folder, "one", more)).wait()) ASSERT_EQ(end.exit, 0) << end.said;
  const auto ends = Ranks(folder, 2, pretraining(folder, "two", more)).wait();
  ASSERT_EQ(ends[0].exit, 0) << ends[0].said;
  ASSERT_EQ(ends[1].exit, 0) << ends[1].said;
  EXPECT_NE(ends[0].said.find("pretrain simclr: 10 of 10 steps"), std::string::npos) << ends[0].said;
  EXPECT_NE(ends[0].said.find("in each of 2 ranks"), std::string::npos) << ends[0].said;
  EXPECT_EQ(ends[1].said, "");
  const auto one = train::read_metrics(folder / "one/metrics.csv"),
             two = train::read_metrics(folder / "two/metrics.csv");
  for (const char* const name : {"loss", "gradient_norm"}) {
    ASSERT_EQ(one.at(name).size(), 10u);
    ASSERT_EQ(two.at(name).size(), 10u);
    for (std::size_t row = 0; row < 10; ++row) {
      const double expected = one.at(name)[row].second;
      EXPECT_NEAR(two.at(name)[row].second, expected, 1e-4 * std::abs(expected)) << name << " after step " << row + 1;
    }
  }
}

TEST(PretrainRanks, ASignalToOneStopsAllAfterACheckpoint) {
  const Scratch folder;
  tiny::prepared_store(folder / "store");
  const Ranks ranks(folder, 2,
                    pretraining(folder, "run",
                                " --set trainer.steps=100000 --set data.batch_size=4"
                                " --set trainer.checkpoint_every=2"));
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!fs::exists(folder / "run/checkpoint-2.gadolin") && std::chrono::steady_clock::now() < patience)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  ::kill(ranks[1], SIGTERM);
  for (const Ended& end : ranks.wait()) EXPECT_EQ(end.exit, 5) << end.said;
}

TEST(PretrainRanks, WhatDoesNotFitTogetherIsRefused) {
  const Scratch folder;
  tiny::prepared_store(folder / "store");
  const auto uneven = Ranks(folder, 2, pretraining(folder, "run", " --set data.batch_size=3")).wait();
  for (const Ended& end : uneven) {
    EXPECT_EQ(end.exit, 2) << end.said;
    EXPECT_NE(end.said.find("a batch of 3 cannot be shared evenly by 2 ranks"), std::string::npos) << end.said;
  }
  const auto unlike =
      Ranks(folder, 2, [&](int rank) {
        return pretraining(folder, "run",
                           " --set data.batch_size=4 --set trainer.steps=" + std::to_string(5 + rank))(rank);
      }).wait();
  EXPECT_EQ(unlike[1].exit, 2) << unlike[1].said;
  EXPECT_NE(unlike[1].said.find("rank 1: this rank is not like rank 0: there '  steps: 5 "), std::string::npos)
      << unlike[1].said;
  EXPECT_EQ(unlike[0].exit, 2) << unlike[0].said;
  EXPECT_NE(unlike[0].said.find("another rank is not like rank 0"), std::string::npos) << unlike[0].said;
  const pid_t child =
      start({"/bin/sh", "-c", std::string("exec ") + GADOLIN_BINARY + " " + pretraining(folder, "run", "")(0)},
            {"RANK=0", "WORLD_SIZE=2"}, folder / "half");
  EXPECT_EQ(end_of(child), 2);
  EXPECT_NE(bytes_of(folder / "half").find("LOCAL_RANK is not set"), std::string::npos) << bytes_of(folder / "half");
  write_bytes(folder / "split-0", "case,patient,set\ncase100,a,train\ncase101,b,train\n");
  write_bytes(folder / "split-1", "case,patient,set\ncase100,a,train\ncase102,b,train\n");
  const auto other_cases = Ranks(folder, 2, [&](int rank) {
                             return pretraining(folder, "run",
                                                " --set data.batch_size=4 --split " +
                                                    quoted(folder / ("split-" + std::to_string(rank))))(rank);
                           }).wait();
  EXPECT_EQ(other_cases[0].exit, 2) << other_cases[0].said;
  EXPECT_EQ(other_cases[1].exit, 2) << other_cases[1].said;
  EXPECT_NE(other_cases[1].said.find("there 'case case101', here 'case case102'"), std::string::npos)
      << other_cases[1].said;
}

TEST(PretrainRanks, ADryRunComputesOneLossTogetherAndWritesNothing) {
  const Scratch folder;
  tiny::prepared_store(folder / "store");
  const std::string more = " --dry-run --set data.batch_size=4";
  const auto one = Ranks(folder, 1, pretraining(folder, "run", more)).wait();
  const auto two = Ranks(folder, 2, pretraining(folder, "run", more)).wait();
  const auto loss_line = [](const std::string& said) {
    const auto at = said.find("the loss of the first batch is ");
    return at == std::string::npos ? "none: " + said : said.substr(at, said.find('\n', at) - at);
  };
  EXPECT_EQ(one[0].exit, 0) << one[0].said;
  EXPECT_EQ(two[0].exit, 0) << two[0].said;
  EXPECT_EQ(two[1].exit, 0) << two[1].said;
  EXPECT_EQ(loss_line(two[0].said), loss_line(one[0].said)) << "the mean over ranks";
  EXPECT_EQ(two[1].said, "");
  EXPECT_FALSE(fs::exists(folder / "run"));
}

}  // namespace
