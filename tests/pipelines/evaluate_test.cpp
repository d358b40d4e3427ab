#if __has_include("evaluate/scores.h")  // not in the torch-free half
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "../scratch.h"
#include "core/table.h"
#include "evaluate/scores.h"
#include "in_process.h"
#include "io/format.h"
#include "store/writer.h"

namespace fs = std::filesystem;
using volume::Volume;
using volume::VoxelType;

namespace {

// A block of class 1 from slice `from` on and one voxel of class 2, slices 2.5 mm thick.
Volume label_map(std::int64_t from, bool second = true) {
  volume::Geometry geometry;
  geometry.spacing_mm = {2.5, 1, 1};
  Volume map({8, 9, 10}, VoxelType::kUInt8, geometry);
  auto voxels = map.voxels<std::uint8_t>();
  for (std::int64_t d = from; d < from + 3; ++d)
    for (std::int64_t h = 2; h < 6; ++h)
      for (std::int64_t w = 2; w < 7; ++w) voxels[static_cast<std::size_t>((d * 9 + h) * 10 + w)] = 1;
  if (second) voxels[0] = 2;
  return map;
}

void write(const fs::path& path, const Volume& map) {
  fs::create_directories(path.parent_path());
  io::write_image(path, map);
}

void store_of(const fs::path& folder, const std::vector<std::pair<std::string, std::string>>& cases) {
  store::WriterOptions options;
  options.label_names = {{0, "background"}, {1, "liver"}, {2, "cyst"}};
  store::Writer writer(folder, options);
  for (const auto& [id, patient] : cases) {
    volume::Case one;
    one.id = id;
    one.groups.patient = patient;
    one.channels.push_back({"CT", "CT", label_map(1)});
    one.label_map = label_map(1);
    one.scalars["grade"] = static_cast<double>(id.back() - '0');
    writer.add(one, id);
  }
  writer.commit();
}

}  // namespace

TEST(Evaluate, LabelMapsAgainstAStoreGiveATableAndIntervalsOverPatients) {
  const Scratch folder;
  store_of(folder / "store", {{"c0", "p0"}, {"c1", "p0"}, {"c2", "p1"}, {"c3", "p2"}});
  write(folder / "maps/c0.nii.gz", label_map(1));
  write(folder / "maps/c1.nii.gz", label_map(2));         // one slice further: Dice 2/3, 2.5 mm
  write(folder / "maps/c2.nii.gz", label_map(1, false));  // class 2 missed
  write(folder / "maps/other.nii.gz", label_map(1));
  const Outcome outcome = gadolin_in_process("evaluate " + folder.word("maps") + " " + folder.word("store") +
                                             " --out " + folder.word("s/scores.csv"));
  EXPECT_EQ(outcome.exit, 0) << outcome.out;
  EXPECT_NE(outcome.out.find("3 cases scored, 1 of the truth have no prediction, 1 predictions have no truth"),
            std::string::npos)
      << outcome.out;
  const core::Table table = core::read_csv(folder / "s/scores.csv");
  EXPECT_EQ(table.columns, (std::vector<std::string>{"case", "patient", "label", "name", "dice", "surface_dice",
                                                     "hd95_mm", "assd_mm"}));
  ASSERT_EQ(table.rows.size(), 6U);
  EXPECT_EQ(table.rows[0], (std::vector<std::string>{"c0", "p0", "1", "liver", "1", "1", "0", "0"}));
  const auto scores = evaluate::scores_from(table);
  EXPECT_NEAR(scores[1].labels[0].dice, 2.0 / 3, 1e-12);
  EXPECT_NEAR(scores[1].labels[0].hd95_mm, 2.5, 1e-6);
  EXPECT_EQ(scores[2].labels[1].dice, 0);
  EXPECT_EQ(table.rows[5][6], "inf");
  EXPECT_NE(outcome.out.find("liver"), std::string::npos);
  EXPECT_NE(outcome.out.find("0.8889 ["), std::string::npos) << outcome.out;  // (1 + 2/3 + 1) / 3
  EXPECT_EQ(core::read_csv(folder / "s/scores_report.csv").rows.size(), 4U);
}

TEST(Evaluate, TheSameInJsonFromFoldersAndTheSameForAnyNumberOfWorkers) {
  const Scratch folder;
  for (int i = 0; i < 4; ++i) {
    write(folder / ("truth/c" + std::to_string(i) + ".nii.gz"), label_map(1));
    write(folder / ("maps/c" + std::to_string(i) + ".nii.gz"), label_map(1 + i % 3));
  }
  const std::string arguments = "evaluate " + folder.word("maps") + " " + folder.word("truth") +
                                " --labels 1=liver --json --tolerance-mm 2.5 --out " + folder.word("scores.csv");
  const Outcome one = gadolin_in_process(arguments + " --workers 1"),
                two = gadolin_in_process(arguments + " --workers 2");
  EXPECT_EQ(one.exit, 0) << one.out;
  EXPECT_EQ(one.out.substr(0, one.out.find('\n')), two.out.substr(0, two.out.find('\n')));
  EXPECT_NE(one.out.find("\"scored\":4"), std::string::npos) << one.out;
  EXPECT_NE(one.out.find("\"name\":\"liver\",\"cases\":4,\"missed\":0,\"dice\":{\"value\":7.5E-1"), std::string::npos)
      << one.out;
  EXPECT_EQ(core::read_csv(folder / "scores.csv").rows.size(), 4U);
}

TEST(Evaluate, AnotherGridIsARowWithItsStoryAndTheOthersAreScored) {
  const Scratch folder;
  store_of(folder / "store", {{"c0", "p0"}, {"c1", "p1"}, {"c2", "p2"}});
  write(folder / "maps/c0.nii.gz", label_map(1));
  Volume moved = label_map(1);
  moved.geometry.origin_mm[2] = 12;
  write(folder / "maps/c1.nii.gz", moved);
  std::ofstream(folder / "maps/c2.nii.gz") << "no image";
  const Outcome outcome = gadolin_in_process("evaluate " + folder.word("maps") + " " + folder.word("store") +
                                             " --out " + folder.word("scores.csv"));
  EXPECT_EQ(outcome.exit, 4) << outcome.out;
  const core::Table report = core::read_csv(folder / "scores_report.csv");
  ASSERT_EQ(report.rows.size(), 3U);
  EXPECT_EQ(report.rows[0][1], "scored");
  EXPECT_EQ(report.rows[1][1], "failed");
  EXPECT_NE(report.rows[1][2].find("12.00 mm away from the truth"), std::string::npos) << report.rows[1][2];
  EXPECT_NE(report.rows[1][2].find("Hint:"), std::string::npos);
  EXPECT_EQ(report.rows[2][1], "failed");
  EXPECT_EQ(core::read_csv(folder / "scores.csv").rows.size(), 2U);
}

TEST(Evaluate, OnlyTheCasesOfASplitAreScoredAndThenAMissingOneCounts) {
  const Scratch folder;
  store_of(folder / "store", {{"c0", "p0"}, {"c1", "p1"}, {"c2", "p2"}});
  std::ofstream(folder / "split.csv") << "case,patient,set\nc0,p0,train\nc1,p1,test\nc2,p2,test\n";
  write(folder / "maps/c0.nii.gz", label_map(1));
  write(folder / "maps/c1.nii.gz", label_map(1));
  const std::string arguments = "evaluate " + folder.word("maps") + " " + folder.word("store") + " --split " +
                                folder.word("split.csv") + " --out " + folder.word("scores.csv");
  EXPECT_EQ(gadolin_in_process(arguments).exit, 4);
  EXPECT_EQ(core::read_csv(folder / "scores_report.csv").rows[1][1], "missing");
  write(folder / "maps/c2.nii.gz", label_map(1));
  const Outcome outcome = gadolin_in_process(arguments);
  EXPECT_EQ(outcome.exit, 0) << outcome.out;
  EXPECT_NE(outcome.out.find("2 cases scored"), std::string::npos) << outcome.out;
}

TEST(Evaluate, AClassificationIsRankedWithOrWithoutAStoreOfTheTruth) {
  const Scratch folder;
  store_of(folder / "store", {{"c0", "p0"}, {"c1", "p1"}, {"d0", "p2"}, {"d1", "p3"}});
  std::ofstream(folder / "predictions.csv")
      << "case,patient,truth,p0,p1\nc0,p0,,0.9,0.1\nc1,p1,,0.4,0.6\nd0,p2,,0.2,0.8\nd1,"
         "p3,,0.1,0.9\n";
  fs::create_directories(folder / "told");
  std::ofstream(folder / "told/predictions.csv")
      << "case,patient,truth,p0,p1\nc0,p0,0,0.9,0.1\nc1,p1,1,0.4,0.6\nd0,p2,0,0.2,"
         "0.8\nd1,p3,1,0.1,0.9\n";
  const std::string out = " --json --out " + folder.word("scores.csv");
  const Outcome with = gadolin_in_process("evaluate " + folder.word("predictions.csv") + " " + folder.word("store") +
                                          " --target grade" + out);
  const Outcome told = gadolin_in_process("evaluate " + folder.word("told") + out);
  EXPECT_EQ(with.exit, 0) << with.out;
  EXPECT_EQ(with.out, told.out);
  EXPECT_NE(with.out.find("\"auc\":{\"value\":7.5E-1"), std::string::npos) << with.out;
  EXPECT_NE(with.out.find("\"balanced_accuracy\":{\"value\":7.5E-1"), std::string::npos) << with.out;
  EXPECT_EQ(core::read_csv(folder / "scores.csv").rows[2], (std::vector<std::string>{"d0", "p2", "0", "1", "0.8"}));
  EXPECT_EQ(gadolin_in_process("evaluate " + folder.word("predictions.csv") + out).exit, 3);  // nobody tells the truth
}

TEST(Evaluate, WhatCannotBeDoneIsTwoWithAHint) {
  const Scratch folder;
  store_of(folder / "store", {{"c0", "p0"}});
  write(folder / "maps/c0.nii.gz", label_map(1));
  const std::string maps = "evaluate " + folder.word("maps"), out = " --out " + folder.word("scores.csv");
  for (const std::string& arguments :
       {maps + out, maps + " " + folder.word("gone") + out,
        "evaluate " + folder.word("gone") + " " + folder.word("store") + out,
        maps + " " + folder.word("store") + out + " --labels liver",
        maps + " " + folder.word("store") + out + " --cases c1", maps + " " + folder.word("store")}) {
    const Outcome outcome = gadolin_in_process(arguments);
    EXPECT_EQ(outcome.exit, 2) << arguments << "\n" << outcome.out;
    EXPECT_NE(outcome.out.find("hint:"), std::string::npos) << outcome.out;
  }
}
#endif
