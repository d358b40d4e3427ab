// A run that was stopped and went on leaves the same bytes as one that was not.
#include <gtest/gtest.h>

#include <chrono>

#include "core/error.h"
#include "every_hook.h"
#include "small_run.h"
#include "train/checkpoint.h"

namespace {

namespace fs = std::filesystem;

std::string last_checkpoint(const fs::path& folder) { return small::bytes_of(train::checkpoints(folder).at(0)); }

// Folder of the run that nobody interrupts.
const fs::path& unbroken() {
  static const small::Folder folder;
  static const bool done = [] {
    EveryHook learner;
    return small::fit(learner, folder, small::settings()).step == 24;
  }();
  EXPECT_TRUE(done);
  return folder;
}

void expect_as_unbroken(const fs::path& folder) {
  EXPECT_EQ(small::bytes_of(folder / "metrics.csv"), small::bytes_of(unbroken() / "metrics.csv"));
  EXPECT_TRUE(last_checkpoint(folder) == last_checkpoint(unbroken()));
}

TEST(Resume, EveryStopPointGivesTheBytesOfTheUnbrokenRunWithOneOrTwoWorkers) {
  for (const std::int64_t stop : {1, 2, 5, 9, 14, 22}) {
    SCOPED_TRACE(stop);
    const small::Folder folder;
    small::SignalAt signal(stop);
    EveryHook first, second(99);
    const auto broken = small::fit(first, folder, small::settings(), {&signal}, stop % 2 ? 2 : 1);
    EXPECT_TRUE(broken.interrupted);
    EXPECT_EQ(broken.step, stop);
    EXPECT_EQ(broken.checkpoint, train::checkpoint_path(folder, stop));
    const auto rest = small::fit(second, folder, small::settings(), {}, stop % 2 ? 1 : 2);
    EXPECT_FALSE(rest.interrupted);
    EXPECT_EQ(rest.step, 24);
    expect_as_unbroken(folder);
  }
}

TEST(Resume, StoppedAfterEachStepByTheTimeItEndsAtTheSameBytes) {
  const small::Folder folder;
  const train::CallLimits hurried{.until = std::chrono::steady_clock::now()};
  for (std::int64_t step = 1; step <= 24; ++step) {
    EveryHook learner(static_cast<std::uint64_t>(step));
    const auto result = small::fit(learner, folder, small::settings(), {}, 1, hurried);
    EXPECT_EQ(result.step, step);
    EXPECT_EQ(result.updates, 1);
    EXPECT_EQ(result.interrupted, step < 24);
  }
  expect_as_unbroken(folder);
}

TEST(Resume, FiveUpdatesACallEndAtTheSameBytesAndNoUpdateMoreIsDone) {
  const small::Folder folder;
  for (const std::int64_t step : {5, 10, 15, 20, 24}) {
    EveryHook learner(static_cast<std::uint64_t>(step / 5));
    const auto result = small::fit(learner, folder, small::settings(), {}, 1, {.updates = 5});
    EXPECT_EQ(result.step, step);
    EXPECT_EQ(result.interrupted, step < 24);
    EXPECT_EQ(result.checkpoint, train::checkpoint_path(folder, step));
    if (step != 5) continue;
    EveryHook idle;
    const auto none = small::fit(idle, folder, small::settings(), {}, 1, {.updates = 0});
    EXPECT_TRUE(none.interrupted);
    EXPECT_EQ(none.updates, 0);
    EXPECT_EQ(none.step, 5);
  }
  expect_as_unbroken(folder);
}

// All of a checkpoint but torch's generators, which rank threads of one process share.
std::string without_generators(const fs::path& path) {
  train::Checkpoint checkpoint = train::read_checkpoint(path);
  for (at::Tensor& state : checkpoint.generators) state.zero_();
  const small::Folder folder;
  train::write_checkpoint(folder / "copy", checkpoint);
  return small::bytes_of(folder / "copy");
}

TEST(Resume, TwoRanksStopTogetherAndGoOnToTheSameBytes) {
  const auto train_on = [](const fs::path& folder, std::int64_t stop) {
    runtime::run_ranks(2, [&](runtime::Comm& comm) {
      EveryHook learner(static_cast<std::uint64_t>(comm.rank() + 1));
      data::Loader source = small::loader(1, comm.rank(), 2);
      small::SignalAt signal(stop);
      std::vector<train::Watcher*> watchers;
      if (stop > 0 && comm.rank() == 1) watchers.push_back(&signal);
      const auto result =
          train::fit(learner, source, small::settings(), small::run_folder(folder), at::kCPU, comm, watchers);
      EXPECT_EQ(result.step, stop > 0 ? stop : 24);
    });
  };
  const small::Folder whole;
  train_on(whole, 0);
  EXPECT_EQ(train::read_checkpoint(train::checkpoints(whole)[0]).learner.size(), 2u);  // state differs by rank
  for (const std::int64_t stop : {3, 8, 17}) {
    SCOPED_TRACE(stop);
    const small::Folder broken;
    train_on(broken, stop);
    train_on(broken, 0);
    EXPECT_EQ(small::bytes_of(broken / "metrics.csv"), small::bytes_of(whole / "metrics.csv"));
    EXPECT_TRUE(without_generators(train::checkpoints(broken)[0]) == without_generators(train::checkpoints(whole)[0]));
  }
  EveryHook alone;
  EXPECT_THROW(small::fit(alone, whole, small::settings()), core::Error);  // two ranks cannot go on as one
}

}  // namespace
