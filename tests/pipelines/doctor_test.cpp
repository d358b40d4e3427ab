#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>

#include "gadolin.h"

namespace {

namespace fs = std::filesystem;

boost::json::object findings_by_name(const std::string& out) {
  boost::json::object by_name;
  const boost::json::value all = boost::json::parse(out);
  for (const auto& each : all.at("findings").as_array()) {
    by_name[each.at("name").as_string()] = each;
  }
  return by_name;
}

bool built_without_torch() { return gadolin("doctor").out.find("left out of this build") != std::string::npos; }

TEST(Doctor, TellsVersionsAndRoomInWordsAndAsJson) {
  const Outcome text = gadolin("doctor");
  for (const char* const word : {"HDF5", "processors", "memory", "free disk"}) {
    EXPECT_NE(text.out.find(word), std::string::npos) << word << " in\n" << text.out;
  }
  const Outcome json = gadolin("doctor --json");
  const auto findings = findings_by_name(json.out);
  bool healthy = true;
  for (const auto& each : findings) {
    healthy = healthy && each.value().at("good").as_bool();
    EXPECT_FALSE(each.value().at("value").as_string().empty()) << each.key();
    EXPECT_TRUE(each.value().at("good").as_bool() || !each.value().at("hint").as_string().empty()) << each.key();
  }
  EXPECT_EQ(boost::json::parse(json.out).at("healthy").as_bool(), healthy);
  EXPECT_EQ(json.exit, healthy ? 0 : 4);
}

TEST(Doctor, ComparesAConvolutionWithAPlainLoopAndTellsWhatNeverRanOnAGpu) {
  if (built_without_torch()) GTEST_SKIP() << "built without torch";
  const Outcome json = gadolin("doctor --json");
  for (const char* const word : {"CUDA kernels", "never ran on a GPU"})
    EXPECT_NE(json.out.find(word), std::string::npos) << word << " in\n" << json.out;
  const auto findings = findings_by_name(json.out);
  ASSERT_TRUE(findings.contains("convolution, processor"));
  const auto& found = findings.at("convolution, processor");
  EXPECT_TRUE(found.at("good").as_bool());
  EXPECT_TRUE(found.at("value").as_string().starts_with("off by "));
}

TEST(Doctor, AFolderThatCannotBeUsedIsAFindingWithAHint) {
  const Outcome missing = gadolin("doctor --folder /nowhere/at/all --json");
  EXPECT_EQ(missing.exit, 4) << missing.out;
  EXPECT_FALSE(findings_by_name(missing.out).at("folder").at("good").as_bool());
  const fs::path folder = fs::temp_directory_path() / ("gadolin \"doctor\" " + std::to_string(::getpid()));
  fs::create_directories(folder);
  const Outcome usable = gadolin("doctor --json --folder '" + folder.string() + "'");
  EXPECT_TRUE(findings_by_name(usable.out).at("folder can be written").at("good").as_bool()) << usable.out;
  EXPECT_TRUE(fs::is_empty(folder));
  fs::remove_all(folder);
}

TEST(Doctor, TellsThatAnEnvironmentHoldsBackProcessors) {
  if (built_without_torch()) GTEST_SKIP() << "built without torch";
  ::setenv("OMP_NUM_THREADS", "1", 1);
  const Outcome held = gadolin("doctor --json");
  ::unsetenv("OMP_NUM_THREADS");
  const auto findings = findings_by_name(held.out);
  EXPECT_EQ(findings.at("torch threads").at("value").as_string(), "1 (OMP_NUM_THREADS=1)");
  const bool several = findings.at("processors").at("value").as_string() != "1";
  EXPECT_EQ(findings.at("torch threads").at("hint").as_string().find("idle") != std::string::npos, several);
}

}  // namespace
