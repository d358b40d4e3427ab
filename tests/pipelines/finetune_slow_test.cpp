// A run that is stopped from outside: exit 5, and the same command goes on to the bytes of a run that was not stopped.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "core/files.h"
#include "gadolin.h"
#include "prepared_store.h"

namespace {

namespace fs = std::filesystem;

// Sends SIGTERM once the file has its first rows.
Outcome stopped(const std::string& arguments, const fs::path& rows) {
  const std::string script = std::string(GADOLIN_BINARY) + " " + arguments +
                             " & run=$!; for i in $(seq 1200); do [ -s " + rows.string() + " ] && grep -q loss " +
                             rows.string() + " && break; sleep 0.05; done; kill -TERM $run; wait $run";
  FILE* pipe = popen(("{ " + script + "; } 2>&1 </dev/null").c_str(), "r");
  Outcome outcome;
  if (pipe == nullptr) return outcome;
  std::array<char, 4096> buffer{};
  for (std::size_t n; (n = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) outcome.out.append(buffer.data(), n);
  const int status = pclose(pipe);
  outcome.exit = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return outcome;
}

class FinetuneStopped : public testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::temp_directory_path() / ("gadolin_finetune_stop_" + std::to_string(getpid()));
    fs::create_directories(root_);
    prepared::make_store(root_ / "store", 8);
  }
  void TearDown() override { fs::remove_all(root_); }

  std::string command(const std::string& out) const {
    return "finetune " + (root_ / "store").string() + " --out " + (root_ / out).string() +
           " --task segmentation --labels 4 --learning-rates 1e-3,1e-2 --threads 1 --set encoder.base=4"
           " --set 'encoder.blocks=[1,1]' --set trainer.steps=60 --set trainer.log_every=5"
           " --set trainer.precision=fp32 --set data.workers=1";
  }

  fs::path root_;
};

}  // namespace

TEST_F(FinetuneStopped, GoesOnWhereItWasWhetherItChoseOrTrained) {
  const Outcome whole = gadolin(command("whole"));
  ASSERT_EQ(whole.exit, 0) << whole.out;

  const fs::path out = root_ / "stopped";
  const Outcome first = stopped(command("stopped"), out / "choice" / "0.01-fold0" / "metrics.csv");
  EXPECT_EQ(first.exit, 5) << first.out;
  EXPECT_NE(first.out.find("the same command goes on"), std::string::npos) << first.out;
  EXPECT_TRUE(fs::exists(out / "choice" / "0.001-fold0" / "score.json"));
  EXPECT_FALSE(fs::exists(out / "summary.json"));

  const Outcome second = stopped(command("stopped"), out / "metrics.csv");
  EXPECT_EQ(second.exit, 5) << second.out;
  const Outcome third = gadolin(command("stopped"));
  ASSERT_EQ(third.exit, 0) << third.out;
  for (const char* name : {"metrics.csv", "scores.csv", "labelled.csv", "request.json"})
    EXPECT_EQ(core::read_text(out / name), core::read_text(root_ / "whole" / name)) << name;
}
