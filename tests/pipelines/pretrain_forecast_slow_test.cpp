// A forecast beside the run it is of, each a process of its own.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cmath>
#include <cstdlib>

#include "../scratch.h"
#include "core/files.h"
#include "gadolin.h"
#include "tiny_store.h"
#include "train/checkpoint.h"

namespace {

namespace fs = std::filesystem;

// Exit code, and the most of the process that lay in RAM.
struct Taken {
  int exit = -1;
  double most_bytes = 0;
};

Taken run_alone(const std::string& arguments) {
  const pid_t child = ::fork();
  if (child == 0) {
    const int null = ::open("/dev/null", O_RDWR);
    ::dup2(null, 1);
    ::dup2(null, 2);
    const std::string line = std::string("exec ") + GADOLIN_BINARY + " " + arguments;
    ::execl("/bin/sh", "sh", "-c", line.c_str(), static_cast<char*>(nullptr));
    ::_exit(127);
  }
  int status = 0;
  rusage used{};
  ::wait4(child, &status, 0, &used);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, static_cast<double>(used.ru_maxrss) * 1024};
}

// What of a shipped recipe decides over memory, with every method and encoder it could have.
struct Recipe {
  std::string name, patch, arguments;
};

std::vector<Recipe> recipes() {
  const fs::path configs = fs::path(__FILE__).parent_path() / "../../configs";
  std::vector<Recipe> all{
      {"quickstart", "[32,48,48]", " --config " + quoted(configs / "quickstart.yaml")},
      {"hippocampus", "[32,48,32]", " --config " + quoted(configs / "hippocampus.yaml")},
  };
  const std::string as_hippocampus = " --set trainer.precision=auto --set data.batch_size=4 --set data.workers=1";
  for (const char* const method : {"mae", "simclr"}) {
    for (const char* const encoder : {"resenc", "resnet", "vit"}) {
      all.push_back({std::string(method) + "_" + encoder, "[32,48,32]",
                     as_hippocampus + " --set method.name=" + method + " --set encoder.name=" + encoder});
    }
  }
  all.push_back({"mae_resenc_recomputed", "[32,48,32]",
                 as_hippocampus + " --set trainer.recompute=stages --set trainer.ema_decay=0.99"});
  all.push_back({"simclr_vit_in_parts", "[32,48,32]",
                 as_hippocampus + " --set method.name=simclr --set encoder.name=vit --set trainer.accumulate=2"});
  return all;
}

class ForecastOf : public testing::TestWithParam<Recipe> {};

}  // namespace

TEST_P(ForecastOf, IsWithinATenthOfTheMemoryOfTheRun) {
  if (std::getenv("GADOLIN_FORECAST") == nullptr) GTEST_SKIP() << "minutes; GADOLIN_FORECAST=1 runs it";
  const Scratch folder;
  tiny::prepared_store(folder / "store", 16, {40, 56, 56});
  const std::string run = "pretrain " + quoted(folder / "store") + " --out " + quoted(folder / "run") +
                          " --device cpu --set data.patch=" + GetParam().patch + GetParam().arguments +
                          " --set trainer.steps=40 --set trainer.checkpoint_every=15 --set watch.every_steps=20";
  ASSERT_EQ(run_alone(run + " --forecast --json " + quoted(folder / "forecast.json")).exit, 0);
  EXPECT_FALSE(fs::exists(folder / "run")) << "a forecast leaves nothing";
  const Taken used = run_alone(run);
  ASSERT_EQ(used.exit, 0);
  const boost::json::value told = boost::json::parse(core::read_text(folder / "forecast.json"));
  const double forecast = told.at("most_bytes").to_number<double>();
  EXPECT_NEAR(forecast, used.most_bytes, 0.1 * used.most_bytes);
  EXPECT_GT(told.at("parts_bytes").at("activations").to_number<double>(), 0);
  EXPECT_FALSE(told.at("stages").as_array().empty());
  EXPECT_EQ(told.at("steps").to_number<int>(), 40);
  std::printf("%s: forecast %.0f MB, run %.0f MB, other %.0f MB\n", GetParam().name.c_str(), forecast / 1e6,
              used.most_bytes / 1e6, told.at("parts_bytes").at("other").to_number<double>() / 1e6);
}

INSTANTIATE_TEST_SUITE_P(Shipped, ForecastOf, testing::ValuesIn(recipes()),
                         [](const auto& info) { return info.param.name; });

TEST(FitMemory, FindsABatchThatStaysBelowAndIsKeptByTheRunThatGoesOn) {
  if (std::getenv("GADOLIN_FORECAST") == nullptr) GTEST_SKIP() << "minutes; GADOLIN_FORECAST=1 runs it";
  const Scratch folder;
  tiny::prepared_store(folder / "store", 16, {40, 56, 56});
  const std::string run = "pretrain " + quoted(folder / "store") + " --out " + quoted(folder / "run") +
                          " --device cpu --set data.patch=[32,48,32] --set encoder.base=8 --set trainer.accumulate=2"
                          " --set trainer.checkpoint_every=2 --set watch.every_steps=0 --fit-memory ";
  const Taken used = run_alone(run + "1000MB --set trainer.steps=4");
  ASSERT_EQ(used.exit, 0);
  const auto settings = core::read_text(folder / "run/resolved.yaml");
  const std::size_t at = settings.find("batch_size: ");
  ASSERT_NE(at, std::string::npos);
  const int batch = std::stoi(settings.substr(at + 12));
  EXPECT_GE(batch, 4);
  EXPECT_EQ(batch % 2, 0);
  EXPECT_LT(used.most_bytes, 1.1 * 1000e6);
  // A run that is there keeps its batch, whatever is asked for now.
  EXPECT_EQ(run_alone(run + "700MB --set trainer.steps=4").exit, 0);
  EXPECT_EQ(core::read_text(folder / "run/resolved.yaml"), settings);
}

TEST(OutOfMemory, IsAUsageErrorWithTheSettingsToChange) {
  const Scratch folder;
  tiny::prepared_store(folder / "store", 6, {20, 20, 20});
  // So few addresses that the program runs, but a network of this width does not.
  const std::string line = "sh -c 'ulimit -v 1000000; exec " + std::string(GADOLIN_BINARY) + " pretrain " +
                           (folder / "store").string() + " --out " + (folder / "run").string() +
                           " --device cpu --threads 1 --set data.workers=1 --set data.batch_size=2 --set "
                           "encoder.base=256 --set encoder.cap=512 --set data.patch=[16,16,16]' 2>&1";
  FILE* pipe = ::popen(line.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::string out;
  std::array<char, 4096> buffer{};
  for (std::size_t n; (n = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) out.append(buffer.data(), n);
  const int status = ::pclose(pipe);
  ASSERT_TRUE(WIFEXITED(status)) << out;
  EXPECT_EQ(WEXITSTATUS(status), 2) << out;
  EXPECT_NE(out.find("there is not enough memory for a step"), std::string::npos) << out;
  EXPECT_NE(out.find("trainer.accumulate"), std::string::npos) << out;
  EXPECT_TRUE(train::checkpoints(folder / "run").empty());
}
