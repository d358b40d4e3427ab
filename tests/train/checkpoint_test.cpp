#include "train/checkpoint.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <functional>
#include <thread>

#include "core/error.h"
#include "every_hook.h"
#include "linear.h"
#include "small_run.h"

namespace {

namespace fs = std::filesystem;

train::Checkpoint some() {
  train::Checkpoint one;
  one.step = 12;
  one.epoch = 3;
  one.position = 36;
  one.threads = 2;
  one.weights = {{"encoder.weight", at::arange(6).reshape({2, 3}).to(at::kFloat)}};
  one.average = {{"encoder.weight", at::ones({2, 3})}};
  one.optimiser = {{"all/encoder.weight/mean", at::ones({2, 3})}};
  one.sums = {{"0/student.loss", at::ones({2}, at::kDouble)}};
  one.generators = {at::ones({5}, at::kByte), at::zeros({5}, at::kByte)};
  one.learner.resize(2);
  one.learner[0].tensors["queue/keys"] = at::ones({2});
  one.learner[1].facts["word"] = "two";
  one.watch.tensors["pool/rows"] = at::ones({3});
  one.watch.facts["pool/word"] = "kept";
  one.facts = {{"config", "a: 1\n"}, {"seed", "4"}};
  return one;
}

void damage(const fs::path& path) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(-3, std::ios::end);
  const char was = static_cast<char>(file.peek());
  file.seekp(-3, std::ios::end);
  file.put(static_cast<char>(was ^ 4));
}

TEST(Checkpoint, EveryPartReadsBack) {
  const small::Folder folder;
  train::write_checkpoint(train::checkpoint_path(folder, 12), some());
  const train::Checkpoint read = train::read_checkpoint(folder / "checkpoint-12.gadolin");
  EXPECT_EQ(std::tuple(read.step, read.epoch, read.position, read.threads), std::tuple(12, 3, 36u, 2));
  EXPECT_TRUE(at::equal(read.weights.at("encoder.weight"), some().weights.at("encoder.weight")));
  EXPECT_TRUE(read.average.contains("encoder.weight"));
  EXPECT_TRUE(read.optimiser.contains("all/encoder.weight/mean"));
  EXPECT_TRUE(read.sums.contains("0/student.loss"));
  ASSERT_EQ(read.generators.size(), 2u);
  EXPECT_TRUE(at::equal(read.generators[0], at::ones({5}, at::kByte)));
  ASSERT_EQ(read.learner.size(), 2u);
  EXPECT_TRUE(read.learner[0].tensors.contains("queue/keys"));
  EXPECT_EQ(read.learner[1].facts.at("word"), "two");
  EXPECT_EQ(read.watch.tensors.at("pool/rows").numel(), 3);
  EXPECT_EQ(read.watch.facts.at("pool/word"), "kept");
  EXPECT_EQ(read.facts, some().facts);
}

TEST(Checkpoint, TheWeightsAloneAreThoseOfTheAverageWhenAsked) {
  const small::Folder folder;
  train::write_checkpoint(folder / "a", some());
  const auto plain = train::checkpoint_weights(folder / "a"), average = train::checkpoint_weights(folder / "a", true);
  EXPECT_EQ(plain.tensors.size(), 1u);
  EXPECT_EQ(plain.tensors.at("encoder.weight")[1][2].item<float>(), 5);
  EXPECT_EQ(average.tensors.at("encoder.weight")[1][2].item<float>(), 1);
}

TEST(Checkpoint, OnlyTheLastOnesStayAndLitterGoes) {
  const small::Folder folder;
  for (const int step : {9, 10, 100}) train::write_checkpoint(train::checkpoint_path(folder, step), some());
  std::ofstream(folder / ".checkpoint-5.gadolin.77.0.part") << "half";
  std::ofstream(folder / "checkpoint-x.gadolin") << "another's";
  train::sweep_checkpoints(folder, 2);
  EXPECT_EQ(train::checkpoints(folder),
            (std::vector<fs::path>{folder / "checkpoint-100.gadolin", folder / "checkpoint-10.gadolin"}));
  EXPECT_FALSE(fs::exists(folder / ".checkpoint-5.gadolin.77.0.part"));
  EXPECT_TRUE(fs::exists(folder / "checkpoint-x.gadolin"));
  EXPECT_TRUE(train::checkpoints(folder / "nowhere").empty());
}

TEST(Checkpoint, ADamagedOneIsPassedOverForTheOneBeforeAndTheRunEndsTheSame) {
  const small::Folder whole, broken;
  EveryHook a, b, c;
  small::fit(a, whole, small::settings());
  small::SignalAt signal(16);
  small::fit(b, broken, small::settings(), {&signal});
  ASSERT_EQ(train::checkpoints(broken).size(), 2u);  // 16 and 14
  damage(broken / "checkpoint-16.gadolin");
  const auto rest = small::fit(c, broken, small::settings());
  EXPECT_EQ(rest.step, 24);
  EXPECT_EQ(small::bytes_of(rest.checkpoint), small::bytes_of(whole / "checkpoint-24.gadolin"));
  EXPECT_EQ(small::bytes_of(broken / "metrics.csv"), small::bytes_of(whole / "metrics.csv"));
  EXPECT_TRUE(fs::exists(broken / "checkpoint-16.gadolin.damaged"));
}

TEST(Checkpoint, WhenAllAreDamagedTheRunDoesNotBeginAnewByItself) {
  const small::Folder folder;
  EveryHook a, b;
  small::fit(a, folder, small::settings(8));
  damage(folder / "checkpoint-8.gadolin");
  fs::resize_file(folder / "checkpoint-7.gadolin", 100);
  EXPECT_THROW(small::fit(b, folder, small::settings(8)), core::Error);
}

std::string story_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const core::Error& error) {
    return error.what();
  }
  return "";
}

TEST(Checkpoint, WhatTheLoopRemembersReadsBackAndIsNotThereWithout) {
  const small::Folder folder;
  train::Checkpoint one = some();
  one.best = {"probe.auc", 9, 0.1};
  one.setbacks = {3, 1, at::arange(4).to(at::kDouble)};
  train::write_checkpoint(folder / "with", one);
  const train::Checkpoint with = train::read_checkpoint(folder / "with");
  EXPECT_EQ(std::tuple(with.best.name, with.best.step, with.best.value), std::tuple("probe.auc", 9, 0.1));
  EXPECT_EQ(std::tuple(with.setbacks.spikes, with.setbacks.rewinds), std::tuple(3, 1));
  EXPECT_TRUE(at::equal(with.setbacks.losses, one.setbacks.losses));
  train::write_checkpoint(folder / "without", some());
  const train::Checkpoint without = train::read_checkpoint(folder / "without");
  EXPECT_EQ(without.best.step, -1);
  EXPECT_EQ(without.setbacks.spikes, 0);
  EXPECT_FALSE(without.setbacks.losses.defined());
}

TEST(Checkpoint, OneOfANewerVersionIsNamedAndNeverPassedOverOrTakenForDamaged) {
  const small::Folder folder;
  Linear learner;
  small::fit(learner, folder, small::settings(7));
  runtime::Archive newer = runtime::read_archive(folder / "checkpoint-7.gadolin");
  newer.facts["format"] = "gadolin-checkpoint-2";
  runtime::write_archive(folder / "checkpoint-9.gadolin", newer);
  const std::string told = story_of([&] { small::fit(learner, folder, small::settings(9)); });
  EXPECT_NE(told.find("read checkpoint-9.gadolin: this is no file of format gadolin-checkpoint-1: it says "
                      "gadolin-checkpoint-2. Hint: another version of gadolin wrote it"),
            std::string::npos)
      << told;
  EXPECT_TRUE(fs::exists(folder / "checkpoint-9.gadolin"));
  // A file of another program under such a name is damage like any other.
  std::ofstream(folder / "checkpoint-9.gadolin", std::ios::binary) << std::string("\2\0\0\0\0\0\0\0{}", 10);
  EXPECT_EQ(train::newest_checkpoint(folder)->first, folder / "checkpoint-7.gadolin");
}

TEST(Checkpoint, OfAnotherNetworkTheWeightsThatDoNotFitAreListed) {
  const small::Folder folder;
  Linear learner;
  small::fit(learner, folder, small::settings(3));
  EveryHook other;
  const std::string told = story_of([&] { small::fit(other, folder, small::settings(3)); });
  EXPECT_NE(told.find("weight student.weight is not in it, weight student.bias is not in it"), std::string::npos)
      << told;
}

// Lets files grow no further, as a full disk does, once `written` is there: it is written while the steps go on.
class NoRoom : public train::Watcher {
 public:
  explicit NoRoom(fs::path written) : written_(std::move(written)) {
    former_ = std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
  }
  ~NoRoom() override {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, former_);
  }
  std::int64_t every_steps() const override { return 10; }
  std::map<std::string, double> look(train::Learner&, const data::Batch&, const train::Moment&) override {
    while (!fs::exists(written_)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    struct rlimit tight = before_;
    tight.rlim_cur = 4096;
    setrlimit(RLIMIT_FSIZE, &tight);
    return {};
  }

 private:
  const fs::path written_;
  struct rlimit before_ {};
  void (*former_)(int) = nullptr;
};

TEST(Checkpoint, AFullDiskKeepsTheOneBeforeAndIsTold) {
  const small::Folder whole, tight;
  EveryHook a, b, c;
  small::fit(a, whole, small::settings());
  try {
    NoRoom no_room(tight / "checkpoint-7.gadolin");
    small::fit(b, tight, small::settings(), {&no_room});
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_NE(error.story().find("checkpoint after step 14: "), std::string::npos) << error.what();
  }
  EXPECT_EQ(train::checkpoints(tight), (std::vector<fs::path>{tight / "checkpoint-7.gadolin"}));
  for (const auto& entry : fs::directory_iterator(tight)) EXPECT_NE(entry.path().extension(), ".part");
  const auto rest = small::fit(c, tight, small::settings());
  EXPECT_EQ(small::bytes_of(rest.checkpoint), small::bytes_of(whole / "checkpoint-24.gadolin"));
}

TEST(Checkpoint, AFullDiskAtTheLastStepIsToldByTheCallThatTrained) {
  const small::Folder folder;
  EveryHook learner;
  NoRoom no_room(folder / "checkpoint-7.gadolin");
  EXPECT_THROW(small::fit(learner, folder, small::settings(10), {&no_room}), core::Error);
  EXPECT_EQ(train::checkpoints(folder), (std::vector<fs::path>{folder / "checkpoint-7.gadolin"}));
}

}  // namespace
