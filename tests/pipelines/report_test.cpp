#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "core/error.h"
#include "core/files.h"
#include "gadolin.h"
#include "pipelines/report_page.h"
#include "report/png.h"

namespace fs = std::filesystem;

namespace {

// Runs as finetune leaves them: 20 patients, two labels; an arm's Dice is `base` and a bit that depends on the patient.
class Runs : public testing::Test {
 protected:
  Runs() : path_(fs::temp_directory_path() / ("gadolin-report-" + std::to_string(::getpid()))) {
    fs::remove_all(path_);
  }
  ~Runs() override { fs::remove_all(path_); }

  fs::path add(const std::string& name, const std::string& arm, int draw, double base, int patients = 20) const {
    const fs::path folder = path_ / name;
    pipelines::RunRecord record;
    record.kind = "finetune";
    record.config = "trainer:\n  steps: 10\n";
    record.channels = {"T1"};
    record.label_names = {{1, "liver"}, {2, "<spleen>"}};
    record.command = "gadolin finetune store --out " + name;
    pipelines::write_record(folder, record);
    std::ofstream(folder / "summary.json")
        << R"({"task":"segmentation","init":")" << (arm == "scratch" ? arm : "runs/" + arm + "/checkpoint-9.gadolin")
        << R"(","mode":"full","labels":8,"draw":)" << draw
        << R"(,"learning_rate":0.001,"choice":[{"learning_rate":0.001,"score":0.8}]})";
    std::ofstream scores(folder / "scores.csv");
    scores << "case,patient,label,name,dice,surface_dice,hd95_mm,assd_mm\n";
    for (int i = 0; i < patients; ++i) {
      for (int label = 1; label <= 2; ++label)
        scores << "c" << i << ",p" << i << "," << label << ",x," << base + 0.002 * (i % 5) + 0.01 * draw
               << ",0.9,2,0.5\n";
    }
    std::ofstream(folder / "metrics.csv") << "step,name,value\n1,loss,1\n2,loss,0.5\n";
    return folder;
  }

  fs::path path_;
};

}  // namespace

TEST_F(Runs, ArmsAreSetBesideEachOtherWithAPairedDifferenceOverPatients) {
  std::vector<pipelines::Run> runs;
  for (int draw = 0; draw < 2; ++draw) {
    runs.push_back(pipelines::read_run(add("mae-" + std::to_string(draw), "mae", draw, 0.83)));
    runs.push_back(pipelines::read_run(add("scratch-" + std::to_string(draw), "scratch", draw, 0.80)));
  }
  const auto comparisons = pipelines::compare(runs);
  ASSERT_EQ(comparisons.size(), 1U);
  EXPECT_EQ(comparisons[0].arms[0].name, "scratch");
  const auto& measures = comparisons[0].measures;
  ASSERT_EQ(measures.size(), 5U + 2);
  EXPECT_NEAR(measures[2].arms[0].value, 2, 1e-12) << "HD95";
  EXPECT_NEAR(measures[4].arms[0].value, 0, 1e-12) << "nothing is missed";
  EXPECT_NEAR(measures[0].arms[0].value, 0.80 + 0.004 + 0.005, 1e-12) << "over patients and draws";
  EXPECT_NEAR(measures[0].against_first[1].value, 0.03, 1e-12);
  EXPECT_NEAR(measures[0].against_first[1].low, 0.03, 1e-9) << "the same in every patient, so the interval is a point";
  EXPECT_LT(measures[0].arms[0].low, measures[0].arms[0].value);
  const std::string page = pipelines::report_page(runs, comparisons, "A <title>");
  EXPECT_NE(page.find("mae is better than scratch: mean Dice +0.030"), std::string::npos);
  EXPECT_NE(page.find("A &lt;title&gt;"), std::string::npos);
  EXPECT_NE(page.find("Dice &lt;spleen&gt;"), std::string::npos);
  EXPECT_NE(page.find("gadolin finetune store --out mae-0"), std::string::npos);
}

TEST_F(Runs, AMissedStructureCountsAsMissedAndInNoDistance) {
  const fs::path folder = add("scratch-0", "scratch", 0, 0.8);
  std::string scores = core::read_text(folder / "scores.csv");
  const std::size_t row = scores.find("c3,p3,1,");
  scores.replace(row, scores.find('\n', row) - row, "c3,p3,1,x,0,0,inf,inf");
  std::ofstream(folder / "scores.csv") << scores;
  const std::vector<pipelines::Run> runs{pipelines::read_run(folder), pipelines::read_run(add("m", "mae", 0, 0.8))};
  const auto measures = pipelines::compare(runs)[0].measures;
  EXPECT_NEAR(measures[2].arms[0].value, 2, 1e-12);
  EXPECT_NEAR(measures[4].arms[0].value, 100.0 / 40, 1e-12) << "one of 20 cases' two labels";
  EXPECT_NEAR(measures[4].against_first[1].value, -100.0 / 40, 1e-12);
  EXPECT_LT(measures[5].arms[0].value, measures[5].arms[1].value);
}

TEST_F(Runs, ArmsScoredOnOtherCasesAreNotCompared) {
  const std::vector<pipelines::Run> runs{pipelines::read_run(add("a", "mae", 0, 0.8)),
                                         pipelines::read_run(add("b", "scratch", 0, 0.8, 19))};
  EXPECT_THROW(pipelines::compare(runs), core::Error);
}

TEST_F(Runs, OfAPretrainingThePageShowsCurvesHealthTimesAndTheLastPicture) {
  const fs::path folder = path_ / "mae";
  pipelines::RunRecord record;
  record.kind = "pretrain";
  record.config = "trainer:\n  steps: 10\n";
  record.channels = {"T1"};
  pipelines::write_record(folder, record);
  std::ofstream metrics(folder / "metrics.csv"), times(folder / "timings.csv");
  metrics << "step,name,value\n";
  times << "step,name,value\n";
  for (int step = 10; step <= 30; step += 10) {
    for (const char* const name : {"loss", "learning_rate", "gradient_norm", "effective_rank", "embedding_spread",
                                   "uniformity", "probe/knn", "probe/knn_low", "probe/knn_high"})
      metrics << step << ',' << name << ',' << 0.1 * step << '\n';
    metrics << step << ",collapsed," << (step == 20) << '\n';
    times << step << ",time/step_s,0.5\n" << step << ",time/load_s,0.1\n" << step << ",time/forward_s,0.125\n";
  }
  metrics.close();
  times.close();
  const auto png = report::png_bytes(report::Picture(2, 2, 3));
  core::publish_file(folder / "pictures/step-0000009.png", png);
  core::publish_file(folder / "pictures/step-0000010.png", png);
  const std::vector<pipelines::Run> runs{pipelines::read_run(folder)};
  const std::string page = pipelines::report_page(runs, {}, "T");
  for (const char* const words :
       {"Loss of pretraining", "Learning rate", "Effective rank", "Uniformity", "Probe on labelled cases (knn)",
        "waiting for data, %", "The last of 2 pictures in RUN/pictures (step-0000010)",
        "mae: the embeddings had collapsed at step 20"})
    EXPECT_NE(page.find(words), std::string::npos) << words;
  EXPECT_EQ(page.find("Alignment of two views"), std::string::npos) << "it has none";
  EXPECT_NE(page.find(">20.0<"), std::string::npos) << "0.1 of 0.5 s is 20 %";
  EXPECT_NE(page.find(">25.0<"), std::string::npos);
}

TEST_F(Runs, TheCommandTakesAFolderOfRunsAndLeavesOutADamagedOne) {
  add("mae-0", "mae", 0, 0.8);
  add("scratch-0", "scratch", 0, 0.8);
  const std::string out = (path_ / "page.html").string();
  const Outcome good = gadolin("report " + path_.string() + " --out " + out);
  EXPECT_EQ(good.exit, 0) << good.out;
  EXPECT_NE(good.out.find("mean Dice 0.804 [0.803, 0.805] over 20 test cases, 1 draws"), std::string::npos) << good.out;
  EXPECT_NE(core::read_text(out).find("mae cannot be told from scratch"), std::string::npos);
  std::ofstream(path_ / "mae-0/summary.json") << "{";
  EXPECT_EQ(gadolin("report " + path_.string() + " --out " + out).exit, 4);
  const Outcome none = gadolin("report " + (path_ / "nothing").string());
  EXPECT_EQ(none.exit, 2);
  EXPECT_NE(none.out.find("hint"), std::string::npos);
}
