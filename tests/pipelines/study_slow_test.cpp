// Whole studies of tiny networks, also killed. GADOLIN_KILLS says how often.
#include <gtest/gtest.h>
#include <signal.h>

#include <boost/json.hpp>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "../processes.h"
#include "../scratch.h"
#include "core/files.h"
#include "core/rng.h"
#include "gadolin.h"
#include "prepared_store.h"

namespace {

namespace fs = std::filesystem;

constexpr const char* kStudy = R"(
study: {task: segmentation, arms: [mae], claimed: mae, budgets: ["2", "4"], draws: 2, learning_rates: [3.0e-3]}
pretrain: {encoder: {base: 4, blocks: [1, 1]}, trainer: {steps: 12, checkpoint_every: 3, warmup_steps: 2},
           data: {workers: 1}, watch: {every_steps: 0}}
finetune: {encoder: {base: 4, blocks: [1, 1]}, trainer: {steps: 12, checkpoint_every: 3, warmup_steps: 2, precision: fp32},
           data: {workers: 1}}
)";

std::string run_words(const Scratch& folder, const std::string& out, const std::string& more = "") {
  return "study run " + folder.word("store") + " --study " + folder.word("study.yaml") + " --out " + folder.word(out) +
         " --device cpu" + more;
}

void prepare_study(const Scratch& folder) {
  prepared::make_store(folder / "store", 8);
  core::publish_file(folder / "study.yaml", std::string_view(kStudy));
}

// Scores of all cells by their hash, and the table without its times.
std::string scores_of(const Scratch& folder, const std::string& out) {
  std::string all;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder / out / "cells")) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    const boost::json::object cell = boost::json::parse(core::read_text(file)).as_object();
    all += std::string(cell.at("hash").as_string()) + "\n" + std::string(cell.at("scores").as_string());
  }
  const Outcome report = gadolin("study report " + folder.word(out) + " --json");
  EXPECT_EQ(report.exit, 0) << report.out;
  const boost::json::value told = boost::json::parse(report.out);
  for (const auto& point : told.at("points").as_array()) {
    for (const char* const key : {"arm", "labels", "score", "difference", "labels_factor", "p_holm"})
      all += boost::json::serialize(point.at(key)) + " ";
  }
  return all;
}

int kills_wanted() {
  const char* const wanted = std::getenv("GADOLIN_KILLS");
  return wanted != nullptr ? std::atoi(wanted) : 3;
}

}  // namespace

TEST(StudyRun, KilledAtAnyMomentItEndsWithTheSameTable) {
  const Scratch folder;
  prepare_study(folder);
  const auto begun = std::chrono::steady_clock::now();
  const Outcome whole = gadolin(run_words(folder, "whole"));
  ASSERT_EQ(whole.exit, 0) << whole.out;
  const double whole_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  EXPECT_NE(whole.out.find("2 pretrainings and 8 fine-tunings"), std::string::npos) << whole.out;
  EXPECT_NE(gadolin("study report " + folder.word("whole")).out.find("With 2 labelled cases mae reaches"),
            std::string::npos);
  core::Rng rng({5});
  int kills = 0;
  for (; kills < kills_wanted(); ++kills) {
    const pid_t child = start(words_of(GADOLIN_BINARY + (" " + run_words(folder, "broken"))), {}, folder / "said");
    std::this_thread::sleep_for(
        std::chrono::duration<double>(rng.uniform(0.2, 1.5) * whole_s / std::max(kills_wanted() / 2, 2)));
    ::kill(child, SIGKILL);
    end_of(child);
  }
  const Outcome rest = gadolin(run_words(folder, "broken"));
  ASSERT_EQ(rest.exit, 0) << rest.out;
  EXPECT_EQ(scores_of(folder, "broken"), scores_of(folder, "whole"));
  testing::Test::RecordProperty("kills", kills);
}

TEST(StudyRun, PartsOnTwoMachinesMakeTheSameTableAndAnotherClaimIsRefused) {
  const Scratch folder;
  prepare_study(folder);
  ASSERT_EQ(gadolin(run_words(folder, "one", " --shard 1/2")).exit, 0);
  ASSERT_EQ(gadolin(run_words(folder, "two", " --shard 2/2")).exit, 0);
  const Outcome half = gadolin("study report " + folder.word("one"));
  EXPECT_NE(half.exit, 0) << "no arm beside scratch is finished: " << half.out;
  const Outcome merged =
      gadolin("study merge " + folder.word("one") + " " + folder.word("two") + " --out " + folder.word("both"));
  EXPECT_EQ(merged.exit, 0) << merged.out;
  EXPECT_NE(merged.out.find("8 cells copied"), std::string::npos) << merged.out;
  const Outcome report = gadolin("study report " + folder.word("both") + " --markdown " + folder.word("table.md") +
                                 " --svg " + folder.word("curves.svg"));
  EXPECT_EQ(report.exit, 0) << report.out;
  EXPECT_NE(core::read_text(folder / "table.md").find("curves.svg"), std::string::npos);
  EXPECT_NE(core::read_text(folder / "curves.svg").find("<svg"), std::string::npos);
  const Outcome changed = gadolin(run_words(folder, "one", " --set study.claimed=\"\""));
  EXPECT_EQ(changed.exit, 2) << changed.out;
  EXPECT_NE(changed.out.find("decided before results are seen"), std::string::npos) << changed.out;
}
