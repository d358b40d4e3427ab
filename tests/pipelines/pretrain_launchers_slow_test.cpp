// The scripts that start ranks, with what they start: Slurm's programs are played by small scripts.
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "gadolin.h"
#include "pretrain_ranks.h"

namespace {

using namespace ranks;

fs::path script(const std::string& name) {
  return fs::weakly_canonical(fs::path(__FILE__).parent_path() / "../../pipelines" / name);
}

void write_program(const fs::path& path, const std::string& text) {
  write_bytes(path, text);
  fs::permissions(path, fs::perms::owner_all);
}

std::string path_with(const std::vector<fs::path>& folders) {
  std::string path = "PATH=";
  for (const fs::path& folder : folders) path += folder.string() + ":";
  return path + fs::path(GADOLIN_BINARY).parent_path().string() + ":" + std::getenv("PATH");
}

bool comes(const fs::path& file) {
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(120);
  while (!fs::exists(file) && std::chrono::steady_clock::now() < patience)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return fs::exists(file);
}

// Starts a program with these variables instead of those of the same name.
pid_t start_with(const std::vector<std::string>& variables, const std::vector<std::string>& words,
                 const fs::path& output) {
  std::vector<std::string> line{"/usr/bin/env"};
  line.insert(line.end(), variables.begin(), variables.end());
  line.insert(line.end(), words.begin(), words.end());
  return start(line, {}, output);
}

std::vector<std::string> words_after(const fs::path& script, const Scratch& folder, int steps) {
  std::vector<std::string> words{"/bin/bash", script.string(), folder.word("store"), folder.word("run")};
  for (const std::string& word : words_of(tiny::kSmall + kSteps + " --set trainer.checkpoint_every=2" +
                                          " --set data.batch_size=4 --set trainer.steps=" + std::to_string(steps)))
    words.push_back(word);
  return words;
}

TEST(Launchers, TheSlurmScriptGoesBackIntoTheQueueAfterAWarningAndNotAtTheEnd) {
  const Scratch folder;
  tiny::prepared_store(folder / "store");
  // Two tasks; their process numbers into a file, the highest of their exit codes out.
  write_program(folder / "bin/srun",
                "#!/bin/bash\n[ \"$1\" = --kill-on-bad-exit=0 ] || exit 99\nshift\n"
                "for task in 0 1; do\n"
                "  SLURM_PROCID=$task SLURM_NTASKS=2 SLURM_LOCALID=$task SLURM_LAUNCH_NODE_IPADDR=127.0.0.1 \"$@\" &\n"
                "  pids[$task]=$!\ndone\n"
                "echo ${pids[1]} > " +
                    folder.word("task.part") + "; mv " + folder.word("task.part") + " " + folder.word("task") +
                    "\nworst=0\n"
                    "for task in 0 1; do wait ${pids[$task]}; code=$?; [ $code -le $worst ] || worst=$code; done\n"
                    "exit $worst\n");
  write_program(folder / "bin/scontrol",
                "#!/bin/sh\n[ \"$1\" = show ] && echo 127.0.0.1 || echo \"$@\" >> " + folder.word("asked") + "\n");
  const std::vector<std::string> slurm{path_with({folder / "bin"}), "SLURM_JOB_ID=" + std::to_string(free_port()),
                                       "SLURM_JOB_NODELIST=node1", "SLURM_CPUS_PER_TASK=1"};
  const auto words = words_after(script("slurm/pretrain.sbatch"), folder, 300);
  const pid_t job = start_with(slurm, words, folder / "said");
  ASSERT_TRUE(comes(folder / "run/checkpoint-2.gadolin")) << bytes_of(folder / "said");
  ::kill(std::stoi(bytes_of(folder / "task")), SIGUSR1);  // Slurm's warning, here to one task alone
  EXPECT_EQ(end_of(job), 5) << bytes_of(folder / "said");
  EXPECT_NE(bytes_of(folder / "said").find("the same command goes on from there"), std::string::npos);
  EXPECT_EQ(bytes_of(folder / "asked"), "requeue " + slurm[1].substr(slurm[1].find('=') + 1) + "\n");
  fs::remove(folder / "asked");
  EXPECT_EQ(end_of(start_with(slurm, words, folder / "said")), 0) << bytes_of(folder / "said");
  EXPECT_TRUE(fs::exists(folder / "run/checkpoint-300.gadolin"));
  EXPECT_FALSE(fs::exists(folder / "asked"));
}

// Of this run, the process with this RANK; 0 when there is none.
pid_t process_of(const Scratch& folder, int rank) {
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::error_code ignored;
    if (fs::read_symlink(entry.path() / "exe", ignored) != fs::canonical(GADOLIN_BINARY)) continue;
    if (bytes_of(entry.path() / "cmdline").find(folder.word("run")) == std::string::npos) continue;
    const std::string environment = '\0' + bytes_of(entry.path() / "environ");
    if (environment.find('\0' + ("RANK=" + std::to_string(rank)) + '\0') != std::string::npos) return std::stoi(name);
  }
  return 0;
}

class Torchrun : public testing::Test {
 protected:
  void SetUp() override {
    const fs::path beside = fs::path(__FILE__).parent_path() / "../bench/.venv/bin";
    environment_ = {path_with({fs::weakly_canonical(beside)})};
    if (end_of(start_with(environment_, {"/bin/sh", "-c", "command -v torchrun"}, folder_ / "found")) != 0)
      GTEST_SKIP() << "no torchrun: tests/bench/peers.sh makes one";
    tiny::prepared_store(folder_ / "store");
  }
  Scratch folder_;
  std::vector<std::string> environment_;
};

TEST_F(Torchrun, ASignalToTheScriptEndsItWithFiveAfterACheckpoint) {
  const pid_t job = start_with(environment_, words_after(script("torchrun.sh"), folder_, 100000), folder_ / "said");
  ASSERT_TRUE(comes(folder_ / "run/checkpoint-2.gadolin")) << bytes_of(folder_ / "said");
  ::kill(job, SIGUSR1);
  EXPECT_EQ(end_of(job), 5) << bytes_of(folder_ / "said");
  EXPECT_NE(bytes_of(folder_ / "said").find("the same command goes on from there"), std::string::npos)
      << bytes_of(folder_ / "said");
}

TEST_F(Torchrun, AKilledRankIsStartedAgainWithTheOthersAndTheRunComesToItsEnd) {
  const pid_t job = start_with(environment_, words_after(script("torchrun.sh"), folder_, 300), folder_ / "said");
  ASSERT_TRUE(comes(folder_ / "run/checkpoint-2.gadolin")) << bytes_of(folder_ / "said");
  const pid_t victim = process_of(folder_, 1);
  ASSERT_GT(victim, 0);
  ::kill(victim, SIGKILL);
  EXPECT_EQ(end_of(job), 0) << bytes_of(folder_ / "said");
  EXPECT_TRUE(fs::exists(folder_ / "run/checkpoint-300.gadolin"));
}

}  // namespace
