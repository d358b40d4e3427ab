#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cmath>

#include "../scratch.h"
#include "core/error.h"
#include "core/files.h"
#include "core/rng.h"
#include "in_process.h"
#include "pipelines/study_page.h"
#include "pipelines/study_plan.h"
#include "pipelines/study_table.h"
#include "prepared_store.h"

namespace {

namespace fs = std::filesystem;

pipelines::StudyPlan plan_from(const std::string& yaml) {
  return pipelines::study_plan(core::settings_from_yaml(yaml, "study.yaml"));
}

std::string refusal(const std::function<void()>& body) {
  try {
    body();
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kUsage);
    return error.what();
  }
  return "nothing was thrown";
}

// Twenty patients with two cases each: what a segmentation scored.
std::string scores_about(double mean, std::uint64_t seed) {
  std::string csv = "case,patient,label,name,dice,surface_dice,hd95_mm,assd_mm\n";
  for (int number = 0; number < 40; ++number) {
    const double hard = 0.05 * std::sin(static_cast<double>(number / 2));
    for (int label = 1; label <= 2; ++label) {
      core::Rng rng({seed, static_cast<std::uint64_t>(number), static_cast<std::uint32_t>(label), 0});
      csv += "c" + std::to_string(100 + number) + ",p" + std::to_string(number / 2) + "," + std::to_string(label) +
             (label == 1 ? ",liver," : ",spleen,") + std::to_string(mean + hard + 0.005 * rng.normal()) + ",0.9,2,1\n";
    }
  }
  return csv;
}

// A finished study: mae is as good with 4 labels as scratch with 8.
pipelines::StudyHead finished_study(const fs::path& cells) {
  pipelines::StudyHead head{"mae", "segmentation", "draws: 3", 30, {"scratch", "mae", "rotation"}, {4, 8, 16}, {}};
  const std::map<std::string, std::vector<double>> means{
      {"scratch", {0.60, 0.70, 0.80}}, {"mae", {0.70, 0.80, 0.85}}, {"rotation", {0.60, 0.70, 0.80}}};
  for (std::size_t budget = 0; budget < head.budgets.size(); ++budget) {
    for (std::int64_t draw = 0; draw < 3; ++draw) {
      for (const std::string& arm : head.arms) {
        pipelines::CellResult result;
        result.cell = {arm + std::to_string(head.budgets[budget]) + "d" + std::to_string(draw), arm,
                       head.budgets[budget], draw, ""};
        result.task = "segmentation";
        result.scores = scores_about(means.at(arm)[budget], static_cast<std::uint64_t>(draw) + arm.size() * 10);
        result.seconds = 60;
        pipelines::write_cell(cells, result);
        head.cells.push_back(result.cell);
      }
    }
  }
  return head;
}

}  // namespace

TEST(StudyPlan, AnArmIsAMethodWithTheSettingsOfAllAndItsOwn) {
  const pipelines::StudyPlan plan = plan_from(
      "study: {arms: [mae, twice], claimed: mae}\n"
      "pretrain: {trainer: {steps: 9}}\n"
      "finetune: {trainer: {steps: 7}}\n"
      "arms: {twice: {pretrain: {method: {name: mae, hidden: 0.5}}}}\n");
  ASSERT_EQ(plan.arms.size(), 3u);
  EXPECT_EQ(plan.arms[0].name, "scratch");
  EXPECT_FALSE(plan.arms[0].pretrained());
  EXPECT_TRUE(plan.arms[0].pretrain.empty());
  std::string words;
  for (const core::Setting& each : plan.arms[2].pretrain) words += pipelines::argument_of(each) + " ";
  EXPECT_EQ(words, "trainer.steps=9 method.name=mae method.hidden=0.5 ");
  words.clear();
  for (const core::Setting& each : plan.arms[1].pretrain) words += pipelines::argument_of(each) + " ";
  EXPECT_EQ(words, "trainer.steps=9 method.name=mae ");
}

TEST(StudyPlan, WhatCannotBeComparedIsRefusedWithWhatToDo) {
  EXPECT_NE(refusal([] { plan_from("study: {arms: [mea]}"); }).find("did you mean mae"), std::string::npos);
  EXPECT_NE(refusal([] { plan_from("study: {arms: [mae], claimed: simclr}"); }).find("no arm"), std::string::npos);
  EXPECT_NE(refusal([] { plan_from("study: {arms: [scratch]}"); }).find("name methods"), std::string::npos);
  EXPECT_NE(refusal([] { plan_from("study: {arms: [mae, mae]}"); }).find("twice"), std::string::npos);
  EXPECT_NE(refusal([] { plan_from("study: {arms: [mae], budgets: [\"3.5\"]}"); }).find("no number"),
            std::string::npos);
  EXPECT_NE(refusal([] {
              plan_from("study: {arms: [mae]}\narms: {vae: {pretrain: {data: {seed: 1}}}}");
            }).find("not among the arms"),
            std::string::npos);
  EXPECT_NE(refusal([] {
              plan_from("study: {arms: [mae]}\narms: {mae: {finetune: {trainer: {steps: 9000}}}}");
            }).find("all arms are fine-tuned alike"),
            std::string::npos);
  EXPECT_NE(refusal([] { plan_from("study: {arms: [mae]}\ntrainer: {steps: 1}"); }).find("no section 'trainer'"),
            std::string::npos);
}

TEST(StudyPlan, ABudgetIsACountAShareOrAll) {
  EXPECT_EQ(pipelines::budget_of("8", 200), 8);
  EXPECT_EQ(pipelines::budget_of("25%", 200), 50);
  EXPECT_EQ(pipelines::budget_of("1%", 20), 1);
  EXPECT_EQ(pipelines::budget_of("all", 139), 139);
  EXPECT_NE(refusal([] { pipelines::budget_of("8", 7); }).find("there are 7"), std::string::npos);
  for (const char* const wrong : {"", "-4", "0", "x", "101%", "4cases", "nan", "inf"})
    EXPECT_NE(refusal([&] { pipelines::budget_of(wrong, 100); }).find("no number"), std::string::npos) << wrong;
}

TEST(StudyPlan, EveryShippedStudyIsOne) {
  const fs::path folder = fs::path(__FILE__).parent_path() / "../../configs/studies";
  int studies = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const pipelines::StudyPlan plan = pipelines::study_plan(core::settings_from_file(entry.path()));
    EXPECT_FALSE(plan.settings.claimed.empty()) << entry.path();
    ++studies;
  }
  EXPECT_GE(studies, 2);
}

TEST(StudyTable, TellsHowManyLabelledCasesAnArmSpares) {
  const Scratch folder;
  const pipelines::StudyHead head = finished_study(folder / "cells");
  const pipelines::StudyTable table = pipelines::study_table(head, {folder / "cells"}, {.resamples = 300});
  EXPECT_EQ(table.patients, 20u);
  EXPECT_EQ(table.cases, 40u);
  ASSERT_EQ(table.curves.size(), 3u);
  const pipelines::StudyPoint& mae = table.curves[1].points[0];
  EXPECT_NEAR(mae.curve.difference.value, 0.1, 0.003);
  EXPECT_GT(mae.curve.difference.low, 0.09);
  EXPECT_NEAR(mae.curve.saved.factor.value, 2, 0.06);
  EXPECT_LT(mae.corrected, 0.05);
  ASSERT_EQ(mae.parts.size(), 2u);
  EXPECT_EQ(mae.parts[1].first, "spleen");
  EXPECT_EQ(table.curves[1].mean_rank, 1);
  EXPECT_GT(table.curves[2].points[0].corrected, 0.05) << "rotation differs by chance alone";
  EXPECT_TRUE(std::isinf(table.curves[1].points[2].curve.saved.factor.value)) << "scratch never gets there";
  const std::vector<std::string> findings = pipelines::findings_of(head, table);
  ASSERT_EQ(findings.size(), 6u);
  EXPECT_TRUE(findings[0].starts_with("With 4 labelled cases mae reaches a mean Dice of 0.7")) << findings[0];
  EXPECT_TRUE(findings[0].find("that takes 8 [8, ") != std::string::npos ||
              findings[0].find("that takes 9 [8, ") != std::string::npos)
      << findings[0];
  EXPECT_NE(findings[2].find("> 16"), std::string::npos) << findings[2];
  EXPECT_NE(findings[3].find("no difference that these data show (exploratory)"), std::string::npos) << findings[3];
}

TEST(StudyTable, AFailedTrainingIsToldAndItsDrawLeftOutForAll) {
  const Scratch folder;
  const pipelines::StudyHead head = finished_study(folder / "cells");
  pipelines::CellResult lost;
  lost.cell = head.cells[1];  // mae, 4 labels, draw 0
  lost.task = "segmentation";
  lost.failed = "step 7: loss is nan";
  pipelines::write_cell(folder / "cells", lost);
  fs::remove(folder / "cells" / (head.cells.back().hash + ".json"));
  const pipelines::StudyTable table = pipelines::study_table(head, {folder / "cells"}, {.resamples = 100});
  ASSERT_EQ(table.failed.size(), 1u);
  EXPECT_EQ(table.failed[0], "mae, 4 labels, draw 0: step 7: loss is nan");
  EXPECT_EQ(table.missing, std::vector<std::string>{"rotation, 16 labels, draw 2"});
  EXPECT_EQ(table.curves[0].points[0].draws, (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(table.curves[0].points[2].draws, (std::vector<std::int64_t>{0, 1}));
  const std::string page = pipelines::study_page(head, table, pipelines::cells_table(head, {folder / "cells"}), "t");
  EXPECT_NE(page.find("loss is nan"), std::string::npos);
  EXPECT_NE(page.find("expert hours"), std::string::npos);
  EXPECT_NE(pipelines::study_markdown(head, table, "t", "c.svg").find("![t](c.svg)"), std::string::npos);
}

TEST(StudyTable, CellsOfOtherTestCasesAreNotMixed) {
  const Scratch folder;
  const pipelines::StudyHead head = finished_study(folder / "cells");
  pipelines::CellResult other;
  other.cell = head.cells[1];
  other.task = "segmentation";
  other.scores = "case,patient,label,name,dice,surface_dice,hd95_mm,assd_mm\nx,y,1,liver,0.5,0.5,1,1\n";
  pipelines::write_cell(folder / "cells", other);
  EXPECT_THROW(pipelines::study_table(head, {folder / "cells"}), core::Error);
}

TEST(Study, OneSetThatHoldsThePictureOfAnotherUnderANewNameIsRefused) {
  const Scratch folder;
  {
    prepare::Plan plan;
    plan.spacing_mm = {1, 1, 1};
    plan.patch = {16, 16, 16};
    plan.batch_size = 2;
    plan.channels = {{"MR", "MR", prepare::Scheme::kKeep}};
    store::WriterOptions options;
    options.plan_yaml = prepare::to_yaml(plan);
    store::Writer writer(folder / "store", options);
    std::string split = "case,set,patient\n";
    for (std::int64_t patient = 0; patient < 4; ++patient) {
      volume::Case one = prepared::one_case(patient == 3 ? 0 : patient, 'a');
      one.id = "case-" + std::to_string(patient);
      one.groups.patient = "patient-" + std::to_string(patient);
      split += one.id + (patient < 2 ? ",train," : ",test,") + one.groups.patient + "\n";
      writer.add(std::move(one));
    }
    writer.commit();
    core::publish_file(folder / "split.csv", std::string_view(split));
    core::publish_file(folder / "study.yaml", std::string_view("study: {arms: [mae], budgets: [\"1\"], draws: 1}\n"));
  }
  const std::string run = "study run " + folder.word("store") + " --study " + folder.word("study.yaml") + " --out " +
                          folder.word("out") + " --split " + folder.word("split.csv");
  const Outcome planned = gadolin_in_process(run + " --dry-run");
  EXPECT_EQ(planned.exit, 0) << planned.out;
  EXPECT_NE(planned.out.find("2 fine-tunings"), std::string::npos) << planned.out;
  const Outcome refused = gadolin_in_process(run);
  EXPECT_EQ(refused.exit, 2) << refused.out;
  EXPECT_NE(refused.out.find("test case case-3 has the voxels of case case-0"), std::string::npos) << refused.out;
  EXPECT_FALSE(fs::exists(folder / "out"));
}
