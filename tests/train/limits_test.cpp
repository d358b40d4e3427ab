// A call that is to end in the middle of a step.
#include "train/limits.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "every_hook.h"
#include "small_run.h"
#include "train/checkpoint.h"

namespace {

namespace fs = std::filesystem;

// Never comes back from the step after `step` updates; before that it sends this process a signal (0: none).
class Stuck : public EveryHook {
 public:
  Stuck(std::int64_t step, int signal) : step_(step), signal_(signal) {}
  train::StepResult step(std::size_t phase, const data::Batch& batch, const train::Moment& moment) override {
    if (moment.step == step_) {
      if (signal_ != 0) std::raise(signal_);
      while (true) ::pause();
    }
    return EveryHook::step(phase, batch, moment);
  }

 private:
  std::int64_t step_;
  int signal_;
};

// The exit code of a child that trains and gets stuck, or 128 + the signal that ended it.
int end_of_stuck(const fs::path& folder, std::int64_t step, int signal, train::CallLimits limits) {
  small::dataset();
  const pid_t child = ::fork();
  if (child == 0) {
    Stuck learner(step, signal);
    small::fit(learner, folder, small::settings(), {}, 1, limits);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

TEST(Limits, AStepThatOutlastsTheGraceIsGivenUpAndTheRunEndsAtTheBytesOfAnUnbrokenOne) {
  const small::Folder whole;
  EveryHook unbroken;
  small::fit(unbroken, whole, small::settings());
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1}) {
    SCOPED_TRACE(signal);
    const small::Folder folder;
    EXPECT_EQ(end_of_stuck(folder, 17, signal, {.grace_s = 0.05}), 5);
    EXPECT_EQ(train::newest_checkpoint(folder)->second.step, 14);
    for (const auto& entry : fs::directory_iterator(folder)) EXPECT_NE(entry.path().extension(), ".part");
    EveryHook rest(99);
    EXPECT_FALSE(small::fit(rest, folder, small::settings()).interrupted);
    EXPECT_EQ(small::bytes_of(folder / "metrics.csv"), small::bytes_of(whole / "metrics.csv"));
    EXPECT_EQ(small::bytes_of(folder / "checkpoint-24.gadolin"), small::bytes_of(whole / "checkpoint-24.gadolin"));
  }
}

TEST(Limits, TheTimeOfACallEndsAStuckStepAsASignalDoesEvenBeforeTheFirstCheckpoint) {
  const small::Folder folder;
  const auto soon = std::chrono::steady_clock::now() + std::chrono::milliseconds(50);
  EXPECT_EQ(end_of_stuck(folder, 0, 0, {.until = soon, .grace_s = 0}), 5);
  EXPECT_TRUE(train::checkpoints(folder).empty());
}

TEST(Limits, ASecondInterruptEndsTheProcessAtOnceWhateverTheGrace) {
  class Twice : public Stuck {
   public:
    Twice() : Stuck(3, SIGINT) {}
    train::StepResult step(std::size_t phase, const data::Batch& batch, const train::Moment& moment) override {
      if (moment.step == 3) std::raise(SIGINT);
      return Stuck::step(phase, batch, moment);
    }
  };
  small::dataset();
  const small::Folder folder;
  const pid_t child = ::fork();
  if (child == 0) {
    Twice learner;
    small::fit(learner, folder, small::settings(), {}, 1, {.grace_s = 1e6});
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
}

}  // namespace
