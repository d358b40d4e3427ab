#include "core/stop_signal.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <optional>

namespace {

TEST(StopSignal, EachOfTheSignalsIsAskedForAndTheFormerHandlerComesBack) {
  static int former_calls = 0;
  former_calls = 0;
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) {
    struct sigaction mine {
    }, before{};
    mine.sa_handler = [](int) { ++former_calls; };
    sigaction(signal, &mine, &before);
    {
      const core::StopSignal stop;
      EXPECT_FALSE(stop.asked());
      std::raise(signal);
      EXPECT_TRUE(stop.asked());
    }
    std::raise(signal);
    sigaction(signal, &before, nullptr);
  }
  EXPECT_EQ(former_calls, 3);
}

TEST(StopSignal, AnInnerOneKeepsWhatTheOuterOneWasAsked) {
  const core::StopSignal outer;
  std::raise(SIGTERM);
  {
    const core::StopSignal inner;
    EXPECT_TRUE(inner.asked());
  }
  std::raise(SIGTERM);  // would end the process if the inner one had given the handlers back
  EXPECT_TRUE(outer.asked());
}

TEST(StopSignal, ASecondInterruptEndsTheProcess) {
  const pid_t child = fork();
  if (child == 0) {
    const core::StopSignal stop;
    std::raise(SIGINT);
    if (!stop.asked()) _exit(1);
    std::raise(SIGINT);
    _exit(2);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
}

}  // namespace
