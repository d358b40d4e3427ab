#include "core/grace.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <string>

namespace {

struct End {
  int code = -1;
  std::string said;
};

// What becomes of a process that does this; it may write to the descriptor.
template <class Body>
End end_of(Body&& body) {
  std::array<int, 2> pipe{};
  EXPECT_EQ(::pipe(pipe.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    body(pipe[1]);
    ::_exit(0);
  }
  ::close(pipe[1]);
  End end;
  char letter = 0;
  while (::read(pipe[0], &letter, 1) == 1) end.said += letter;
  ::close(pipe[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  end.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return end;
}

void say(int to, const char* word) {
  if (::write(to, word, 1) != 1) ::_exit(99);
}

TEST(Grace, EndsTheProcessWhoseWorkDoesNotComeToItsEndAfterLastWords) {
  const End end = end_of([](int out) {
    const core::Grace grace([] { return true; }, 0.05, [out] { say(out, "w"); });
    ::pause();
  });
  EXPECT_EQ(end.code, 5);
  EXPECT_EQ(end.said, "w");
}

TEST(Grace, DoesNothingWhileNobodyAskedNorOnceTheWorkIsDone) {
  std::atomic<int> questions{0};
  {
    const core::Grace grace([&] { return ++questions < 0; }, 0, [] { FAIL(); });
    while (questions < 3) ::usleep(1000);
  }
  const int so_far = questions;
  ::usleep(50'000);
  EXPECT_EQ(questions, so_far);  // its thread is gone
  const core::Grace patient([] { return true; }, 1e9, [] { FAIL(); });
}

}  // namespace
