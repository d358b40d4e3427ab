// What watchers may ask of a run: to keep their state, to show pictures, to end it.
#include "train/watcher.h"

#include <gtest/gtest.h>

#include "every_hook.h"
#include "small_run.h"
#include "train/checkpoint.h"
#include "train/metrics.h"

namespace {

namespace fs = std::filesystem;

// Logs a number that depends on all its looks, and has enough once it is `limit`.
class Tally : public train::Watcher {
 public:
  explicit Tally(double limit = 1e9) : limit_(limit) {}
  std::int64_t every_steps() const override { return 2; }
  std::map<std::string, double> look(train::Learner&, const data::Batch& batch, const train::Moment& moment) override {
    tally_ = tally_ * 3 % 101 + moment.step + batch.case_index[0].item<std::int64_t>();
    ++looks;
    return {{"tally", static_cast<double>(tally_)}};
  }
  bool enough() const override { return static_cast<double>(looks) >= limit_; }
  void save(runtime::Archive& archive) const override {
    archive.tensors["tally/state"] = at::tensor({tally_, looks}, at::kLong);
    archive.facts["tally/word"] = "kept";
  }
  void load(const runtime::Archive& archive) override {
    const auto state = archive.tensors.find("tally/state");
    if (state == archive.tensors.end()) return;
    tally_ = state->second[0].item<std::int64_t>();
    looks = state->second[1].item<std::int64_t>();
    word = archive.facts.at("tally/word");
  }
  std::int64_t looks = 0;
  std::string word;

 private:
  std::int64_t tally_ = 1;
  double limit_;
};

TEST(Watcher, WhatItKeepsComesBackSoThatRowsAreThoseOfTheUnbrokenRun) {
  const small::Folder whole;
  EveryHook learner;
  Tally unbroken;
  small::fit(learner, whole, small::settings(20), {&unbroken});
  for (const std::int64_t stop : {1, 6, 13}) {
    SCOPED_TRACE(stop);
    const small::Folder broken;
    EveryHook first, second(9);
    Tally a, b;
    small::SignalAt at(stop);
    small::fit(first, broken, small::settings(20), {&a, &at});
    small::fit(second, broken, small::settings(20), {&b});
    EXPECT_EQ(b.word, "kept");
    EXPECT_EQ(b.looks, unbroken.looks);
    EXPECT_EQ(small::bytes_of(broken / "metrics.csv"), small::bytes_of(whole / "metrics.csv"));
    EXPECT_EQ(small::bytes_of(broken / "checkpoint-20.gadolin"), small::bytes_of(whole / "checkpoint-20.gadolin"));
  }
}

TEST(Watcher, OfARunThatWasNotWatchedItBeginsAnew) {
  const small::Folder folder;
  EveryHook first, second;
  small::SignalAt at(4);
  small::fit(first, folder, small::settings(10), {&at});
  Tally tally;
  EXPECT_EQ(small::fit(second, folder, small::settings(10), {&tally}).step, 10);
  EXPECT_EQ(tally.looks, 3);
}

TEST(Watcher, ThatHasEnoughEndsTheRunAsACompleteOne) {
  const small::Folder folder;
  EveryHook first, second;
  Tally tally(3), again(3);
  const auto result = small::fit(first, folder, small::settings(20), {&tally});
  EXPECT_EQ(result.step, 6);
  EXPECT_TRUE(result.enough);
  EXPECT_FALSE(result.interrupted);
  EXPECT_EQ(result.checkpoint, train::checkpoint_path(folder, 6));
  EXPECT_EQ(train::read_checkpoint(result.checkpoint).step, 6);
  const auto once_more = small::fit(second, folder, small::settings(20), {&again});
  EXPECT_EQ(once_more.step, 6);
  EXPECT_TRUE(once_more.enough);
  EXPECT_EQ(once_more.checkpoint, result.checkpoint);
  EXPECT_EQ(again.looks, 3) << "it trained no further";
}

TEST(Watcher, ARunThatIsStoppedOnItsWayEndsWhereTheUnbrokenOneHadEnough) {
  const small::Folder whole, broken;
  EveryHook a, b, c;
  Tally unbroken(5), before(5), after(5);
  small::fit(a, whole, small::settings(20), {&unbroken});
  small::SignalAt at(7);
  small::fit(b, broken, small::settings(20), {&before, &at});
  const auto rest = small::fit(c, broken, small::settings(20), {&after});
  EXPECT_EQ(rest.step, 10);
  EXPECT_TRUE(rest.enough);
  EXPECT_EQ(small::bytes_of(broken / "metrics.csv"), small::bytes_of(whole / "metrics.csv"));
  EXPECT_EQ(small::bytes_of(rest.checkpoint), small::bytes_of(whole / "checkpoint-10.gadolin"));
}

// A picture of four bytes.
class Painter : public train::Watcher {
 public:
  std::int64_t every_steps() const override { return 4; }
  std::map<std::string, double> look(train::Learner&, const data::Batch&, const train::Moment& moment) override {
    drawn_ = {{"views", 3, 2, "png" + std::to_string(moment.step)}};
    return {};
  }
  std::vector<train::WatchedPicture> pictures() override { return std::exchange(drawn_, {}); }

 private:
  std::vector<train::WatchedPicture> drawn_;
};

TEST(Watcher, ItsPicturesReachTheEventsOfRankNull) {
  const small::Folder folder;
  EveryHook learner;
  Painter painter;
  small::fit(learner, folder, small::settings(8), {&painter});
  std::string events;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().filename().string().starts_with("events.")) events += small::bytes_of(entry.path());
  }
  EXPECT_NE(events.find("png4"), std::string::npos);
  EXPECT_NE(events.find("png8"), std::string::npos);
}

}  // namespace
