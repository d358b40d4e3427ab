// gadolin ingest and the processes that read for it.
#include <sstream>

#include "../scratch.h"
#include "killed_ingest.h"

namespace {

// A child of the process; 0 when there is none.
pid_t child_of(pid_t process) {
  for (const auto& each : std::filesystem::directory_iterator("/proc")) {
    const std::string name = each.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string about = bytes_of(each.path() / "stat");  // pid (name) state parent ...
    std::istringstream behind(about.substr(std::min(about.rfind(')') + 1, about.size())));
    char state = 0;
    pid_t parent = 0;
    if (behind >> state >> parent && parent == process) return std::stoi(name);
  }
  return 0;
}

struct Stopped {
  pid_t run = 0, worker = 0;  // worker: 0 when there is none
};

// An ingest of folder/in, 20 cases, into folder/store, whose one worker was stopped.
Stopped stopped_ingest(const Scratch& folder) {
  for (int i = 0; i < 20; ++i) image_of(folder / "in" / ("case" + std::to_string(100 + i) + ".nii"), i);
  const pid_t run = start_ingest(folder.word("in"), folder / "store", 1);
  const pid_t worker = child_of(run);
  if (worker > 0) ::kill(worker, SIGSTOP);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  return {run, worker};
}

}  // namespace

TEST(IngestWorker, AFileThatChangesWhileItIsReadFailsItsCaseAndTheNextRunTakesIt) {
  const Scratch folder;
  const auto [run, worker] = stopped_ingest(folder);
  ASSERT_GT(worker, 0);
  for (const auto& file : std::filesystem::directory_iterator(folder / "in"))
    std::filesystem::last_write_time(file.path(), std::filesystem::file_time_type::clock::now());
  ::kill(worker, SIGCONT);
  const int exit = wait_for(run);
  if (store::Reader(folder / "store").size() == 20) GTEST_SKIP() << "the run was over before the files changed";
  EXPECT_EQ(exit, 4);
  const std::string report = bytes_of(folder / "store/ingest_report.csv");
  EXPECT_NE(report.find("failed,CHANGED,"), std::string::npos) << report;
  EXPECT_EQ(store::Reader(folder / "store").size(), 19) << report;
  EXPECT_EQ(gadolin("ingest " + quoted(folder / "in") + " " + quoted(folder / "store")).exit, 0);
  EXPECT_EQ(store::Reader(folder / "store").size(), 20);
}

TEST(IngestWorker, AWorkerKilledInTheMiddleOfARunCostsOneCase) {
  const Scratch folder;
  const auto [run, worker] = stopped_ingest(folder);
  ASSERT_GT(worker, 0);
  ::kill(worker, SIGKILL);
  const int exit = wait_for(run);
  const store::Reader reader(folder / "store");
  const std::string report = bytes_of(folder / "store/ingest_report.csv");
  if (reader.size() == 20) GTEST_SKIP() << "the run was over before its worker could be killed";
  EXPECT_EQ(exit, 4);
  EXPECT_EQ(reader.size(), 19) << report;
  EXPECT_NE(report.find("failed,WORKER_CRASH,"), std::string::npos) << report;
  EXPECT_EQ(gadolin("ingest " + quoted(folder / "in") + " " + quoted(folder / "store")).exit, 0);
  EXPECT_EQ(store::Reader(folder / "store").size(), 20);
}
