#pragma once
// A run whose process is killed, again and again, at any moment.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>

#include "every_hook.h"
#include "small_run.h"
#include "train/checkpoint.h"

namespace small {

inline train::TrainerSettings kill_settings() {
  train::TrainerSettings s = settings(60);
  s.checkpoint_every = 2;
  return s;
}

// Trains to the end in a child process, which gets SIGKILL after `patience_us` (0: never). True when it came to the
// end.
inline bool train_in_child(const fs::path& folder, unsigned patience_us) {
  const pid_t child = fork();
  if (child == 0) {
    try {
      EveryHook learner;
      fit(learner, folder, kill_settings());
      ::_exit(0);
    } catch (...) {
      ::_exit(1);
    }
  }
  if (patience_us > 0) {
    ::usleep(patience_us);
    ::kill(child, SIGKILL);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0) << "a run that was killed could not go on";
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// At least `kills` kills, over as many runs as that takes; each run ends at the bytes of one that nobody killed.
inline void expect_kills_do_no_harm(int kills) {
  EXPECT_TRUE(kOneThread);
  dataset();
  const Folder whole;
  const auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(train_in_child(whole, 0));
  const double needed_us = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
  core::Rng rng({11});
  for (int killed = 0; killed < kills;) {
    const Folder broken;
    // Ever more patient, so that a run comes to its end on a machine that has become slow, too.
    int here = 0;
    const auto patience_us = [&] { return 1 + static_cast<unsigned>(rng.uniform() * needed_us * (0.5 + 0.05 * here)); };
    while (!train_in_child(broken, patience_us())) ++here;
    killed += here;
    ASSERT_EQ(bytes_of(broken / "metrics.csv"), bytes_of(whole / "metrics.csv"));
    ASSERT_TRUE(bytes_of(broken / "checkpoint-60.gadolin") == bytes_of(whole / "checkpoint-60.gadolin"));
    EXPECT_EQ(train::checkpoints(broken).size(), 2u);
  }
}

}  // namespace small
