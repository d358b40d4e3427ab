#include "core/folder_lock.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <optional>

#include "../scratch.h"

namespace {

TEST(FolderLock, ASecondOneIsRefusedAndToldWhoHasIt) {
  const Scratch scratch;
  std::optional<core::FolderLock> first(std::in_place, scratch / "run");
  const std::string told = error_of([&] { core::FolderLock(scratch / "run"); });
  EXPECT_NE(told.find("folder run is in use by process " + std::to_string(::getpid())), std::string::npos) << told;
  const core::FolderLock other(scratch / "other");
  first.reset();
  EXPECT_EQ(error_of([&] { core::FolderLock(scratch / "run"); }), "");
}

TEST(FolderLock, DoesNotOutliveAProcessThatIsKilled) {
  const Scratch scratch;
  std::array<int, 2> ready{};
  ASSERT_EQ(::pipe(ready.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const core::FolderLock lock(scratch / "run");
    if (::write(ready[1], "x", 1) != 1) ::_exit(1);
    ::pause();
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_NE(error_of([&] { core::FolderLock(scratch / "run"); }).find(std::to_string(child)), std::string::npos);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(error_of([&] { core::FolderLock(scratch / "run"); }), "");
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST(FolderLock, AFolderThatCannotBeWrittenToIsAnError) {
  EXPECT_NE(error_of([&] { core::FolderLock("/proc/none"); }).find("cannot write to folder none"), std::string::npos);
}

}  // namespace
