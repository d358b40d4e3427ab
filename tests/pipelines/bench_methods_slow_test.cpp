// gadolin bench methods, killed in the middle.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <sstream>
#include <thread>

#include "../scratch.h"
#include "gadolin.h"

namespace {

namespace fs = std::filesystem;

std::string command(const Scratch& scratch, const std::string& name) {
  const fs::path recipes = fs::weakly_canonical(fs::path(__FILE__).parent_path() / "../../configs/ssl/tiny");
  return "bench methods --method simclr --method dino --seeds 1 --steps 4 --patients 12 --size 32"
         " --set data.batch_size=2 --recipes " +
         quoted(recipes) + " --cells " + quoted(scratch / name) + " --out " + quoted(scratch / (name + ".md"));
}

std::size_t cells_in(const fs::path& folder) {
  std::size_t count = 0;
  std::error_code absent;
  for (const auto& file : fs::directory_iterator(folder, absent)) count += file.path().extension() == ".json" ? 1 : 0;
  return count;
}

// The rows of a table without the columns of times and memory, which differ from run to run.
std::string rows_of(const fs::path& page) {
  std::istringstream lines(bytes_of(page));
  std::string rows;
  std::vector<bool> kept;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] != '|') continue;
    std::vector<std::string> cells;
    std::istringstream parts(line);
    for (std::string cell; std::getline(parts, cell, '|');) cells.push_back(cell);
    if (kept.empty()) {
      for (const std::string& cell : cells)
        kept.push_back(cell.find("ms a step") == std::string::npos && cell.find("passes") == std::string::npos &&
                       cell.find("MB") == std::string::npos);
    }
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (kept.at(i)) rows += cells[i].substr(0, cells[i].find_last_not_of(' ') + 1) + "|";
    }
    rows += "\n";
  }
  return rows;
}

}  // namespace

TEST(BenchMethodsKilled, GoesOnAndEndsWithTheTableOfAnUnbrokenRun) {
  const Scratch scratch;
  const Outcome unbroken = gadolin(command(scratch, "unbroken"));
  ASSERT_EQ(unbroken.exit, 0) << unbroken.out;
  EXPECT_EQ(cells_in(scratch / "unbroken"), 4u) << "two methods and the first weights of two encoders";

  const std::string line =
      std::string("exec ") + GADOLIN_BINARY + " " + command(scratch, "broken") + " >/dev/null 2>&1";
  const pid_t child = ::fork();
  if (child == 0) {
    ::execl("/bin/sh", "sh", "-c", line.c_str(), static_cast<char*>(nullptr));
    ::_exit(127);
  }
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(120);
  while (cells_in(scratch / "broken") < 2 && std::chrono::steady_clock::now() < patience)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_LT(cells_in(scratch / "broken"), 4u);
  EXPECT_FALSE(fs::exists(scratch / "broken.md"));
  const Outcome table = gadolin(command(scratch, "broken") + " --table");
  ASSERT_EQ(table.exit, 0) << table.out;
  EXPECT_NE(bytes_of(scratch / "broken.md").find("not run"), std::string::npos);

  const Outcome rest = gadolin(command(scratch, "broken"));
  ASSERT_EQ(rest.exit, 0) << rest.out;
  EXPECT_EQ(cells_in(scratch / "broken"), 4u);
  EXPECT_EQ(rows_of(scratch / "broken.md"), rows_of(scratch / "unbroken.md"));
  EXPECT_EQ(rows_of(scratch / "broken.md").find("| simclr | contrastive | resenc | linear | - "), std::string::npos);
  // All is there: nothing is measured again.
  const Outcome again = gadolin(command(scratch, "broken"));
  EXPECT_EQ(again.out.find("seed 0"), std::string::npos) << again.out;
}
