#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "prepared_store.h"
#include "pretrain_ranks.h"

namespace {

using namespace ranks;

std::string finetuning(const Scratch& folder, const std::string& more) {
  return "finetune " + quoted(folder / "store") + " --out " + quoted(folder / "run") +
         " --task segmentation --threads 1 --device cpu --set encoder.base=4 --set encoder.blocks=[1,1]"
         " --set trainer.precision=fp32 --set data.workers=1 --set data.batch_size=4"
         " --set trainer.checkpoint_every=2" +
         more;
}

TEST(FinetuneRanks, StoppedWhileALearningRateIsTriedBothEndWithFiveAndTheSameCommandGoesOnToTheSameBytes) {
  const Scratch folder;
  prepared::make_store(folder / "store", 10);
  const auto arguments = [&](int) {
    return finetuning(folder, " --labels 6 --learning-rates 1e-3,3e-3 --set trainer.steps=60");
  };
  for (const Ended& end : Ranks(folder, 2, arguments).wait()) ASSERT_EQ(end.exit, 0) << end.said;
  const std::string whole = bytes_of(folder / "run/checkpoint-60.gadolin"),
                    scores = bytes_of(folder / "run/scores.csv");
  fs::remove_all(folder / "run");
  {
    const Ranks ranks(folder, 2, arguments);
    ranks::wait_for(folder / "run/choice/0.001-fold0/checkpoint-4.gadolin");
    ::kill(ranks[1], SIGTERM);
    for (const Ended& end : ranks.wait()) EXPECT_EQ(end.exit, 5) << end.said;
  }
  for (const Ended& end : Ranks(folder, 2, arguments).wait()) ASSERT_EQ(end.exit, 0) << end.said;
  EXPECT_TRUE(bytes_of(folder / "run/checkpoint-60.gadolin") == whole);
  EXPECT_EQ(bytes_of(folder / "run/scores.csv"), scores);
}

TEST(FinetuneRanks, OtherCasesOnOneRankOrAnUnevenBatchAreRefused) {
  const Scratch folder;
  prepared::make_store(folder / "store", 10);
  const auto unlike = Ranks(folder, 2, [&](int rank) {
                        return finetuning(folder, " --set trainer.steps=2 --labels " + std::to_string(4 + 2 * rank));
                      }).wait();
  for (const Ended& end : unlike) EXPECT_EQ(end.exit, 2) << end.said;
  EXPECT_NE(unlike[1].said.find("rank 1: this rank is not like rank 0: there '"), std::string::npos) << unlike[1].said;
  const auto uneven = Ranks(folder, 2, [&](int) { return finetuning(folder, " --set data.batch_size=3"); }).wait();
  for (const Ended& end : uneven) {
    EXPECT_EQ(end.exit, 2) << end.said;
    EXPECT_NE(end.said.find("a batch of 3 cannot be shared evenly by 2 ranks"), std::string::npos) << end.said;
  }
  EXPECT_FALSE(fs::exists(folder / "run/request.json"));
  EXPECT_FALSE(fs::exists(folder / "run/labelled.csv"));
}

}  // namespace
