// Real runs of gadolin pretrain that are killed at any moment, each at another one, and go on.
// GADOLIN_STOPS=50 kills as often as that for each method.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <chrono>
#include <cstdlib>

#include "../processes.h"
#include "../scratch.h"
#include "core/rng.h"
#include "gadolin.h"
#include "tiny_store.h"
#include "train/checkpoint.h"
#include "train/metrics.h"

namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kWholeSteps = 240, kLosses = 100;

int stops_wanted() {
  const char* const wanted = std::getenv("GADOLIN_STOPS");
  return wanted != nullptr ? std::atoi(wanted) : 3;
}

// An epoch of six cases ends within every third batch of four, so that nearly all stops lie in the middle of one.
std::string settings_of(const std::string& method) {
  return " --set method.name=" + method + " --set trainer.steps=" + std::to_string(kWholeSteps) +
         " --set trainer.checkpoint_every=10 --set trainer.warmup_steps=5 --set trainer.log_every=1"
         " --set watch.every_steps=40 --set data.batch_size=4 --set trainer.ema_decay=0.99";
}

// Starts the command, and kills it so long after it has written `appears`. True when it was still at work.
bool killed(const std::vector<std::string>& words, const fs::path& said, const fs::path& appears, double patience_s) {
  const pid_t child = start(words, {}, said);
  int status = 0;
  while (!fs::exists(appears)) {
    if (::waitpid(child, &status, WNOHANG) == child) {
      ADD_FAILURE() << bytes_of(said);
      return false;
    }
    ::usleep(1000);
  }
  ::usleep(static_cast<useconds_t>(patience_s * 1e6));
  ::kill(child, SIGKILL);
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status);
}

std::string weights_of(const fs::path& folder) {
  std::string bytes;
  for (const auto& [name, tensor] : train::read_checkpoint(train::checkpoints(folder).at(0)).weights)
    bytes += name + std::string(static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes());
  return bytes;
}

void expect_every_stop_point_to_be_harmless(const std::string& method) {
  const Scratch scratch;
  tiny::prepared_store(scratch / "store");
  const auto command = [&](const std::string& run, int workers) {
    return GADOLIN_BINARY + (" pretrain " + scratch.word("store")) + " --out " + scratch.word(run) + tiny::kSmall +
           settings_of(method) + " --set data.workers=" + std::to_string(workers);
  };
  const auto run_to_the_end = [&](const std::string& run, int workers) {
    return end_of(start(words_of(command(run, workers)), {}, scratch / "said"));
  };
  // One run for each number of threads that make samples; they give the same, too.
  const auto begun = std::chrono::steady_clock::now();
  ASSERT_EQ(run_to_the_end("whole1", 1), 0) << bytes_of(scratch / "said");
  const double whole_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  ASSERT_EQ(run_to_the_end("whole3", 3), 0) << bytes_of(scratch / "said");
  const std::string rows = bytes_of(scratch / "whole1/metrics.csv"), weights = weights_of(scratch / "whole1");
  EXPECT_EQ(rows, bytes_of(scratch / "whole3/metrics.csv"));
  EXPECT_TRUE(weights == weights_of(scratch / "whole3"));
  ASSERT_EQ(train::read_metrics(scratch / "whole1/metrics.csv").at("loss").size(),
            static_cast<std::size_t>(kWholeSteps));

  core::Rng rng({23});
  int stops = 0, early = 0, attempts = 0;
  while (stops < stops_wanted() && ++attempts < 10 * stops_wanted() + 10) {
    const int workers = attempts % 2 == 0 ? 1 : 3;
    const std::string run = "broken" + std::to_string(attempts);
    if (!killed(words_of(command(run, workers)), scratch / "said", scratch / run / "metrics.csv",
                rng.uniform() * whole_s))
      continue;  // it was done before
    const auto left = train::newest_checkpoint(scratch / run);
    early += !left || left->second.step <= kWholeSteps - kLosses;
    ++stops;
    ASSERT_EQ(run_to_the_end(run, workers), 0) << bytes_of(scratch / "said");
    ASSERT_EQ(bytes_of(scratch / run / "metrics.csv"), rows) << "stop " << stops;
    ASSERT_TRUE(weights_of(scratch / run) == weights) << "stop " << stops;
    fs::remove_all(scratch / run);
  }
  EXPECT_EQ(stops, stops_wanted());
  testing::Test::RecordProperty("stops", stops);
  testing::Test::RecordProperty("stops_with_a_hundred_losses_to_go", early);
}

}  // namespace

TEST(PretrainKill, SimclrGoesOnToTheSameLossesAndWeightsWhereverItIsStopped) {
  expect_every_stop_point_to_be_harmless("simclr");
}

TEST(PretrainKill, MaeGoesOnToTheSameLossesAndWeightsWhereverItIsStopped) {
  expect_every_stop_point_to_be_harmless("mae");
}
