#include <ATen/ATen.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <thread>

#include "../scratch.h"
#include "core/folder_lock.h"
#include "gadolin.h"
#include "pipelines/network.h"
#include "prepare/planner.h"
#include "store/shard.h"
#include "tiny_store.h"
#include "train/checkpoint.h"
#include "train/metrics.h"

namespace fs = std::filesystem;

namespace {

std::string pretraining(const fs::path& store, const fs::path& out, const std::string& more = "") {
  return "pretrain " + quoted(store) + " --out " + quoted(out) + tiny::kSmall + more;
}

// Starts the command, waits until `appears` is there, sends the signal. Returns the exit code, or 128 + signal.
int stopped(const std::string& arguments, const fs::path& appears, int signal) {
  const std::string line = std::string("exec ") + GADOLIN_BINARY + " " + arguments + " >/dev/null 2>&1";
  const pid_t child = ::fork();
  if (child == 0) {
    ::execl("/bin/sh", "sh", "-c", line.c_str(), static_cast<char*>(nullptr));
    ::_exit(127);
  }
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!fs::exists(appears) && std::chrono::steady_clock::now() < patience)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  ::kill(child, signal);
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

TEST(Pretrain, ADamagedChunkStopsTheRunOrCostsItsCaseAlone) {
  const Scratch scratch;
  const fs::path store = scratch / "a.store", shard = store / "shards/shard-0000.h5";
  tiny::prepared_store(store);
  const auto place = store::read_tables(shard, "/case-00002").at("channel-0").places.at(0);
  {
    std::fstream file(shard, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(place.offset + place.size / 2));
    file.put('!');
  }
  const Outcome stopped = gadolin(pretraining(store, scratch / "stopped"));
  EXPECT_EQ(stopped.exit, 3) << stopped.out;
  EXPECT_NE(stopped.out.find("shard-0000.h5 is damaged"), std::string::npos) << stopped.out;
  const Outcome skipped = gadolin(pretraining(
      store, scratch / "skipped", " --set trainer.steps=40 --set watch.every_steps=20 --set data.on_damage=skip"));
  EXPECT_EQ(skipped.exit, 4) << skipped.out;
  EXPECT_NE(skipped.out.find("chunk 0 is damaged"), std::string::npos) << skipped.out;
  EXPECT_NE(skipped.out.find("case case102 could not be read and was left out"), std::string::npos) << skipped.out;
  EXPECT_EQ(gadolin(pretraining(store, scratch / "word", " --set data.on_damage=ignore")).exit, 2);
}

TEST(Pretrain, ThePlannerKnowsWhatEveryEncoderNeeds) {
  std::vector<std::string> planned = prepare::encoders_known(), there = pipelines::encoder_names();
  std::ranges::sort(planned);
  std::ranges::sort(there);
  EXPECT_EQ(planned, there);
}

}  // namespace

TEST(Pretrain, InterruptedAndKilledItGoesOnAndEndsWithTheWeightsOfAnUnbrokenRun) {
  const Scratch folder;
  tiny::prepared_store(folder / "store");
  const std::string more =
      " --set method.name=simclr --set trainer.steps=16 --set trainer.checkpoint_every=2 --set trainer.keep=99"
      " --set trainer.warmup_steps=2 --set watch.every_steps=4 --set trainer.log_every=1";
  const Outcome unbroken = gadolin(pretraining(folder / "store", folder / "unbroken", more));
  ASSERT_EQ(unbroken.exit, 0) << unbroken.out;

  const std::string broken = pretraining(folder / "store", folder / "broken", more);
  EXPECT_EQ(stopped(broken, folder / "broken/checkpoint-4.gadolin", SIGTERM), 5);
  EXPECT_FALSE(fs::exists(folder / "broken/checkpoint-16.gadolin"));
  EXPECT_EQ(stopped(broken, folder / "broken/checkpoint-10.gadolin", SIGKILL), 128 + SIGKILL);
  EXPECT_FALSE(fs::exists(folder / "broken/checkpoint-16.gadolin"));
  const Outcome end = gadolin(broken);
  ASSERT_EQ(end.exit, 0) << end.out;

  const train::Checkpoint expected = train::read_checkpoint(folder / "unbroken/checkpoint-16.gadolin");
  const train::Checkpoint found = train::read_checkpoint(folder / "broken/checkpoint-16.gadolin");
  ASSERT_EQ(found.weights.size(), expected.weights.size());
  for (const auto& [name, tensor] : expected.weights) {
    ASSERT_TRUE(found.weights.contains(name)) << name;
    EXPECT_EQ(std::memcmp(found.weights.at(name).data_ptr(), tensor.data_ptr(), tensor.nbytes()), 0) << name;
  }
  EXPECT_EQ(bytes_of(folder / "broken/metrics.csv"), bytes_of(folder / "unbroken/metrics.csv"));
  const Outcome again = gadolin(broken);
  EXPECT_EQ(again.exit, 0) << again.out;
  EXPECT_NE(again.out.find("all done before"), std::string::npos) << again.out;
}

TEST(Pretrain, OptimiserScheduleAndLayerDecayAreChosenAndWhatTheChosenDoesNotReadIsRefused) {
  const Scratch folder;
  tiny::prepared_store(folder / "store");
  const std::string chosen =
      " --set trainer.steps=3 --set trainer.optimiser=lars --set trainer.schedule=trapezoid"
      " --set trainer.layer_decay=0.8 --set trainer.ema_decay=0.9";
  const Outcome outcome = gadolin(pretraining(folder / "store", folder / "run", chosen));
  ASSERT_EQ(outcome.exit, 0) << outcome.out;
  const train::Checkpoint checkpoint = train::read_checkpoint(folder / "run/checkpoint-3.gadolin");
  EXPECT_FALSE(checkpoint.average.empty());
  ASSERT_FALSE(checkpoint.optimiser.empty());
  for (const auto& [name, tensor] : checkpoint.optimiser) EXPECT_TRUE(name.ends_with("/momentum")) << name;
  const Outcome unread = gadolin(pretraining(folder / "store", folder / "other", chosen + " --set trainer.beta1=0.8"));
  EXPECT_EQ(unread.exit, 2);
  EXPECT_NE(unread.out.find("trainer.beta1 means nothing to trainer.optimiser=lars"), std::string::npos) << unread.out;
  EXPECT_FALSE(fs::exists(folder / "other"));
}

TEST(Pretrain, ByStepsByTimeAndWithoutGraceItEndsWithWhatTheNextCallGoesOnFrom) {
  const Scratch folder;
  tiny::prepared_store(folder / "store");
  const std::string more =
      " --set trainer.steps=12 --set trainer.checkpoint_every=2 --set trainer.keep=99 --set trainer.warmup_steps=2"
      " --set watch.every_steps=0 --set trainer.log_every=1 --set trainer.best_by=loss";
  ASSERT_EQ(gadolin(pretraining(folder / "store", folder / "unbroken", more)).exit, 0);
  const std::string broken = pretraining(folder / "store", folder / "broken", more);
  const Outcome five = gadolin(broken + " --steps 5");
  EXPECT_EQ(five.exit, 5) << five.out;
  EXPECT_NE(five.out.find("5 of 12 steps"), std::string::npos) << five.out;
  const Outcome time = gadolin(broken + " --max-time 0.001s --grace 1d");
  EXPECT_EQ(time.exit, 2) << "the grace is a number of seconds";
  const Outcome one = gadolin(broken + " --max-time 0.001s --grace 86400");
  EXPECT_EQ(one.exit, 5) << one.out;
  EXPECT_NE(one.out.find("6 of 12 steps"), std::string::npos) << one.out;
  const Outcome none = gadolin(broken + " --max-time 0.001s --grace 0");
  EXPECT_EQ(none.exit, 5) << none.out;
  stopped(broken + " --grace 0", folder / "broken/checkpoint-8.gadolin", SIGTERM);  // whatever it was doing
  const Outcome end = gadolin(broken);
  ASSERT_EQ(end.exit, 0) << end.out;
  EXPECT_EQ(bytes_of(folder / "broken/metrics.csv"), bytes_of(folder / "unbroken/metrics.csv"));
  const auto expected = train::best_checkpoints(folder / "unbroken"),
             found = train::best_checkpoints(folder / "broken");
  ASSERT_EQ(expected.size(), 1u);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].filename(), expected[0].filename());
  for (const auto& [name, tensor] : train::read_checkpoint(expected[0]).weights)
    EXPECT_TRUE(at::equal(train::read_checkpoint(found[0]).weights.at(name), tensor)) << name;
  EXPECT_EQ(gadolin(broken + " --max-time soon").exit, 2);
}

TEST(Pretrain, AFolderInUseByAnotherProcessIsRefused) {
  const Scratch folder;
  tiny::prepared_store(folder / "store");
  const core::FolderLock lock(folder / "run");
  const Outcome outcome = gadolin(pretraining(folder / "store", folder / "run", " --set trainer.steps=3"));
  EXPECT_EQ(outcome.exit, 2) << outcome.out;
  EXPECT_NE(outcome.out.find("folder run is in use by process " + std::to_string(::getpid())), std::string::npos)
      << outcome.out;
  EXPECT_FALSE(fs::exists(folder / "run/run.json"));
}

TEST(Pretrain, LeavesARunFolderWithEverythingAndSaysWhatComesNext) {
  const Scratch folder;
  tiny::prepared_store(folder / "store");
  const Outcome outcome = gadolin(pretraining(
      folder / "store", folder / "run", " --set trainer.steps=3 --set trainer.log_every=1 --set watch.pool_every=1"));
  ASSERT_EQ(outcome.exit, 0) << outcome.out;
  EXPECT_NE(outcome.out.find("pretrain mae: 3 of 3 steps on 6 cases, loss "), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("next: gadolin finetune"), std::string::npos) << outcome.out;
  for (const char* name : {"checkpoint-3.gadolin", "metrics.csv", "resolved.yaml", "run.json", "views/sample-0000.png"})
    EXPECT_TRUE(fs::exists(folder / "run" / name)) << name;
  EXPECT_FALSE(fs::exists(folder / "run/views/sample-0001.png"));
  const auto metrics = train::read_metrics(folder / "run/metrics.csv");
  EXPECT_EQ(metrics.at("loss").size(), 3u);
  ASSERT_EQ(metrics.at("effective_rank").size(), 1u) << "after the last step";
  EXPECT_GE(metrics.at("effective_rank")[0].second, 1);
  EXPECT_EQ(metrics.at("embeddings")[0].second, 9) << "three batches of three";
  EXPECT_EQ(train::read_metrics(folder / "run/timings.csv").at("time/step_s").size(), 3u);
  EXPECT_NE(outcome.out.find("\ntime: "), std::string::npos) << outcome.out;
  const train::Checkpoint checkpoint = train::read_checkpoint(folder / "run/checkpoint-3.gadolin");
  EXPECT_EQ(checkpoint.facts.at("kind"), "pretrain");
  EXPECT_EQ(checkpoint.facts.at("config"), bytes_of(folder / "run/resolved.yaml"));
  EXPECT_TRUE(std::any_of(checkpoint.weights.begin(), checkpoint.weights.end(),
                          [](const auto& each) { return each.first.starts_with("encoder."); }));

  const Outcome other = gadolin(pretraining(folder / "store", folder / "run", " --set trainer.steps=5"));
  EXPECT_EQ(other.exit, 2) << other.out;
  EXPECT_NE(other.out.find("hint:"), std::string::npos) << other.out;
}

TEST(Pretrain, ADryRunMakesEverythingAndWritesNothing) {
  const Scratch folder;
  tiny::prepared_store(folder / "store");
  std::ofstream(folder / "split.csv") << "case,patient,set\ncase100,a,train\ncase101,b,train\ncase102,c,test\n";
  const Outcome outcome = gadolin(
      pretraining(folder / "store", folder / "run",
                  " --dry-run --set method.name=simclr --split " + quoted(folder / "split.csv") + " --set-name train"));
  EXPECT_EQ(outcome.exit, 0) << outcome.out;
  EXPECT_NE(outcome.out.find("pretrain simclr on resenc: 2 cases, patch 16 x 16 x 16, batch 3"), std::string::npos)
      << outcome.out;
  EXPECT_FALSE(fs::exists(folder / "run"));
}

TEST(Pretrain, WhatCannotWorkIsRefusedWithWhatToDo) {
  const Scratch folder;
  tiny::prepared_store(folder / "store", 2);
  tiny::raw_store(folder / "raw");
  const auto refused = [&](const fs::path& store, const std::string& more, const std::string& word) {
    const Outcome outcome = gadolin(pretraining(store, folder / "run", more));
    EXPECT_EQ(outcome.exit, 2) << outcome.out;
    EXPECT_NE(outcome.out.find(word), std::string::npos) << outcome.out;
    EXPECT_FALSE(fs::exists(folder / "run"));
  };
  refused(folder / "raw", "", "first: gadolin prepare");
  refused(folder / "store", " --set trainer.step=5", "trainer.steps");
  refused(folder / "store", " --set method.name=simcrl", "did you mean simclr?");
  refused(folder / "store", " --set data.patch=[15,16]", "data.patch has 2 numbers");
  refused(folder / "store", " --set method.hidden=1.0", "one left to see");
  const Outcome device =
      gadolin("pretrain " + quoted(folder / "store") + " --out " + quoted(folder / "run") + " --device cuda:77");
  EXPECT_EQ(device.exit, 2) << device.out;
  EXPECT_NE(device.out.find("cuda:77"), std::string::npos) << device.out;
}

TEST(Config, ShowsTheSettingsOfTheChosenMethodAndEncoder) {
  const Outcome outcome = gadolin("config show pretrain --set method.name=simclr --set encoder.name=vit");
  EXPECT_EQ(outcome.exit, 0) << outcome.out;
  for (const char* word : {"temperature:", "registers:", "learning_rate:", "batch_size:", "every_steps:"})
    EXPECT_NE(outcome.out.find(word), std::string::npos) << word;
}
