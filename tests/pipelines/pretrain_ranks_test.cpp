#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <functional>
#include <thread>

#include "../processes.h"
#include "../scratch.h"
#include "tiny_store.h"
#include "train/metrics.h"

namespace fs = std::filesystem;

namespace {

const std::string kSteps =
    " --set method.name=simclr --set trainer.warmup_steps=2 --set trainer.log_every=1 --set watch.every_steps=0";

struct Ended {
  int exit = -1;
  std::string said;
};

// Processes that run one command as the ranks of a run.
class Ranks {
 public:
  Ranks(const Scratch& scratch, int size, const std::function<std::string(int)>& arguments) : scratch_(scratch) {
    const int port = size > 1 ? free_port() : 0;
    for (int rank = 0; rank < size; ++rank) {
      const std::string line = std::string("exec ") + GADOLIN_BINARY + " " + arguments(rank);
      const auto environment = size > 1 ? rank_environment(rank, size, port) : std::vector<std::string>{};
      children_.push_back(start({"/bin/sh", "-c", line}, environment, said(rank)));
    }
  }
  pid_t operator[](std::size_t rank) const { return children_[rank]; }
  std::vector<Ended> wait() const {
    std::vector<Ended> ends;
    for (std::size_t rank = 0; rank < children_.size(); ++rank)
      ends.push_back({end_of(children_[rank]), bytes_of(said(static_cast<int>(rank)))});
    return ends;
  }

 private:
  fs::path said(int rank) const { return scratch_ / ("said-" + std::to_string(rank)); }
  const Scratch& scratch_;
  std::vector<pid_t> children_;
};

std::function<std::string(int)> pretraining(const Scratch& folder, const std::string& out, const std::string& more) {
  return [=, &folder](int) {
    return "pretrain " + quoted(folder / "store") + " --out " + quoted(folder / out) + tiny::kSmall + kSteps + more;
  };
}

TEST(PretrainRanks, TwoProcessesWithHalfTheBatchEachLearnWhatOneLearns) {
  const Scratch folder;
  tiny::prepared_store(folder / "store");
  const std::string more = " --set trainer.steps=10 --set data.batch_size=4";
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

TEST(PretrainRanks, WhenOneIsKilledTheOtherEndsAndNamesItAndTheSameCommandGoesOn) {
  const Scratch folder;
  tiny::prepared_store(folder / "store");
  const auto arguments =
      pretraining(folder, "run",
                  " --rank-timeout 30 --set trainer.steps=60 --set data.batch_size=4 --set trainer.checkpoint_every=2");
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
    EXPECT_FALSE(fs::exists(folder / "run/checkpoint-60.gadolin"));
  }
  for (const Ended& end : Ranks(folder, 2, arguments).wait()) EXPECT_EQ(end.exit, 0) << end.said;
  EXPECT_EQ(train::read_metrics(folder / "run/metrics.csv").at("loss").size(), 60u);
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
  EXPECT_NE(unlike[1].said.find("rank 1 is not like rank 0: there '  steps: 5', here '  steps: 6'"), std::string::npos)
      << unlike[1].said;
  EXPECT_EQ(unlike[0].exit, 3) << unlike[0].said;
  const pid_t child =
      start({"/bin/sh", "-c", std::string("exec ") + GADOLIN_BINARY + " " + pretraining(folder, "run", "")(0)},
            {"RANK=0", "WORLD_SIZE=2"}, folder / "half");
  EXPECT_EQ(end_of(child), 2);
  EXPECT_NE(bytes_of(folder / "half").find("LOCAL_RANK is not set"), std::string::npos) << bytes_of(folder / "half");
  const auto finetune =
      Ranks(folder, 2, [&](int) {
        return "finetune " + quoted(folder / "store") + " --task segmentation --out " + quoted(folder / "run");
      }).wait();
  for (const Ended& end : finetune) {
    EXPECT_EQ(end.exit, 2) << end.said;
    EXPECT_NE(end.said.find("finetune runs as one process"), std::string::npos) << end.said;
  }
}

}  // namespace
