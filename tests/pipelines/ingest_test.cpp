#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "../scratch.h"
#include "core/table.h"
#include "gadolin.h"
#include "io/format.h"
#include "killed_ingest.h"
#include "store/reader.h"

namespace fs = std::filesystem;
using volume::Volume;
using volume::VoxelType;

namespace {

void cohort(const fs::path& folder, int count, volume::Shape shape = {6, 7, 8}) {
  for (int i = 0; i < count; ++i) image_of(folder / ("case" + std::to_string(100 + i) + ".nii.gz"), i, shape);
}

void cut(const fs::path& path) { fs::resize_file(path, fs::file_size(path) / 2); }

Outcome ingest(const std::string& arguments) { return gadolin("ingest " + arguments); }

}  // namespace

TEST(Ingest, AFolderBecomesAStoreAndASecondRunFindsAllThere) {
  const Scratch folder;
  cohort(folder / "in", 5);
  const std::string arguments = quoted(folder / "in") + " " + quoted(folder / "store");
  const Outcome first = ingest(arguments);
  EXPECT_EQ(first.exit, 0) << first.out;
  EXPECT_NE(first.out.find("ingest (flat): 5 cases found, 5 added"), std::string::npos) << first.out;
  const store::Reader reader(folder / "store");
  ASSERT_EQ(reader.size(), 5);
  EXPECT_EQ(reader.summary(0).id, "case100");
  const volume::Case loaded = reader.load(3);
  const Volume source = io::read_image(folder / "in/case103.nii.gz");
  EXPECT_TRUE(std::equal(source.bytes().begin(), source.bytes().end(), loaded.reference().bytes().begin()));
  const Outcome second = ingest(arguments + " --json");
  EXPECT_EQ(second.exit, 0) << second.out;
  EXPECT_NE(second.out.find("\"present\":5"), std::string::npos) << second.out;
  EXPECT_EQ(store::Reader(folder / "store").data_hash(), reader.data_hash());
}

TEST(Ingest, ATruncatedFileAmongGoodOnesIsARowOfTheReportAndTheOthersAreThere) {
  const Scratch folder;
  cohort(folder / "in", 4);
  cut(folder / "in/case101.nii.gz");
  const Outcome outcome = ingest(quoted(folder / "in") + " " + quoted(folder / "store") + " --workers 2");
  EXPECT_EQ(outcome.exit, 4) << outcome.out;
  EXPECT_NE(outcome.out.find("3 added, 1 failed; 1 TRUNCATED"), std::string::npos) << outcome.out;
  EXPECT_EQ(store::Reader(folder / "store").size(), 3);
  const core::Table report = core::read_csv(folder / "store/ingest_report.csv");
  ASSERT_GT(report.columns.size(), 4U);
  EXPECT_EQ(std::vector<std::string>(report.columns.begin(), report.columns.begin() + 4),
            (std::vector<std::string>{"case", "status", "reason", "message"}));
  ASSERT_EQ(report.rows.size(), 4U);
  EXPECT_EQ(report.rows[0][1], "added");
  EXPECT_EQ(report.rows[1][0], "case101");
  EXPECT_EQ(report.rows[1][1], "failed");
  EXPECT_EQ(report.rows[1][2], "TRUNCATED");
  EXPECT_NE(report.rows[1][3].find("Hint:"), std::string::npos);
  image_of(folder / "in/case101.nii.gz", 1);  // repaired: the next run completes the store
  EXPECT_EQ(ingest(quoted(folder / "in") + " " + quoted(folder / "store")).exit, 0);
  EXPECT_EQ(store::Reader(folder / "store").size(), 4);
}

TEST(Ingest, WhatCannotBeUsedAtAllExitsWithThreeOrTwoAndAHint) {
  const Scratch folder;
  fs::create_directories(folder / "empty");
  cohort(folder / "bad", 2);
  cut(folder / "bad/case100.nii.gz");
  cut(folder / "bad/case101.nii.gz");
  cohort(folder / "twice", 1);
  fs::copy_file(folder / "twice/case100.nii.gz", folder / "twice/case100.nii");
  const std::string store = " " + quoted(folder / "store");
  const Outcome empty = ingest(quoted(folder / "empty") + store);
  EXPECT_EQ(empty.exit, 3) << empty.out;
  EXPECT_NE(empty.out.find("hint:"), std::string::npos) << empty.out;
  const Outcome gone = ingest(quoted(folder / "gone") + store);
  EXPECT_EQ(gone.exit, 2) << gone.out;
  EXPECT_NE(gone.out.find("hint:"), std::string::npos) << gone.out;
  const Outcome twice = ingest(quoted(folder / "twice") + store);
  EXPECT_EQ(twice.exit, 2) << twice.out;
  EXPECT_NE(twice.out.find("case100.nii.gz"), std::string::npos) << twice.out;
  EXPECT_NE(twice.out.find("case100.nii "), std::string::npos) << twice.out;
  EXPECT_EQ(ingest(quoted(folder / "bad") + store).exit, 3);
  EXPECT_EQ(ingest(quoted(folder / "bad") + store + " --layout nifty").exit, 2);
  EXPECT_EQ(ingest(quoted(folder / "bad") + store + " --labels liver").exit, 2);
  EXPECT_EQ(ingest(quoted(folder / "bad")).exit, 2);
}

TEST(Ingest, ADryRunChecksEveryCaseAndWritesNothing) {
  const Scratch folder;
  cohort(folder / "in", 3);
  cut(folder / "in/case102.nii.gz");
  const Outcome outcome = ingest(quoted(folder / "in") + " " + quoted(folder / "store") + " --dry-run");
  EXPECT_EQ(outcome.exit, 4) << outcome.out;
  EXPECT_NE(outcome.out.find("2 usable, 1 failed"), std::string::npos) << outcome.out;
  EXPECT_FALSE(fs::exists(folder / "store"));
}

TEST(Ingest, ALabelOutsideTheDeclaredClassesNamesTheValue) {
  const Scratch folder;
  image_of(folder / "a.nii.gz", 1);
  Volume map(volume::Shape{6, 7, 8}, VoxelType::kUInt8, volume::Geometry{});
  map.voxels<std::uint8_t>()[5] = 3;
  io::write_image(folder / "l.nii.gz", map);
  std::ofstream(folder / "t.csv") << "case,image,label\na,a.nii.gz,\nb,a.nii.gz,l.nii.gz\n";
  const std::string arguments = quoted(folder / "t.csv") + " " + quoted(folder / "store");
  const Outcome wrong = ingest(arguments + " --labels 1=liver,2=tumour");
  EXPECT_EQ(wrong.exit, 4) << wrong.out;
  EXPECT_NE(wrong.out.find("holds 3, declared are 0 background, 1 liver, 2 tumour"), std::string::npos) << wrong.out;
  fs::remove_all(folder / "store");
  EXPECT_EQ(ingest(arguments + " --labels 3=vessel").exit, 0);
  const store::Reader reader(folder / "store");
  EXPECT_EQ(reader.label_names().at(3), "vessel");
  EXPECT_EQ(reader.summary(1).label_voxels.at(3), 1);
}

TEST(Ingest, KilledAtAnyMomentTheNextRunGoesOnAndTheStoreIsThatOfAnUnbrokenRun) {
  const Scratch folder;
  niftis_of(folder / "in");
  const IngestKills tally = kill_ingests(folder.path, 3);
  EXPECT_EQ(tally.broken, 0) << tally.story;
  EXPECT_EQ(tally.incomplete, 0) << tally.story;
}

TEST(Ingest, WhereNothingMoreCanBeWrittenTheRunSaysSoAndWhatWasPublishedStays) {
  const Scratch folder;
  cohort(folder / "in", 3);
  const std::string arguments = quoted(folder / "in") + " " + quoted(folder / "store");
  ASSERT_EQ(ingest(arguments).exit, 0);
  const std::string before = store::Reader(folder / "store").data_hash();
  for (int i = 0; i < 8; ++i) image_of(folder / ("in/more" + std::to_string(i) + ".nii.gz"), i, {24, 40, 40});
  // Files may not grow beyond 64 KiB; the signal that comes with it is ignored, so that write() fails as on a full
  // disk. Its workers lift the limit for themselves: they write nothing.
  const std::string limited = "trap '' XFSZ; ulimit -S -f 128; exec '" GADOLIN_BINARY "' ingest " + arguments + " >" +
                              quoted(folder / "log") + " 2>&1";
  const int status = std::system(("sh -c " + std::string("\"") + limited + "\"").c_str());
  ASSERT_TRUE(WIFEXITED(status));
  std::ifstream file(folder / "log");
  const std::string told((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  EXPECT_EQ(WEXITSTATUS(status), 3) << told;
  EXPECT_NE(told.find("cannot write"), std::string::npos) << told;
  EXPECT_EQ(store::Reader(folder / "store").data_hash(), before);
  const Outcome rest = ingest(arguments);
  EXPECT_EQ(rest.exit, 0) << rest.out;
  EXPECT_EQ(store::Reader(folder / "store").size(), 11);
}

TEST(Ingest, AFileThatIsNoImageIsToldAsSuchWhereverItIs) {
  const Scratch folder;
  cohort(folder / "in", 2);
  std::ofstream(folder / "in/case101.nii.gz") << "this is a letter, not an image";
  std::ofstream(folder / "letter.txt") << "dear all";
  const Outcome letter = ingest(quoted(folder / "letter.txt") + " " + quoted(folder / "a"));
  EXPECT_EQ(letter.exit, 3) << letter.out;
  EXPECT_NE(letter.out.find("letter.txt"), std::string::npos) << letter.out;
  EXPECT_NE(letter.out.find("hint:"), std::string::npos) << letter.out;
  EXPECT_FALSE(fs::exists(folder / "a"));
  const Outcome among = ingest(quoted(folder / "in") + " " + quoted(folder / "store"));
  EXPECT_EQ(among.exit, 4) << among.out;
  EXPECT_NE(among.out.find("case case101"), std::string::npos) << among.out;
  EXPECT_EQ(store::Reader(folder / "store").size(), 1);
  const Outcome into = ingest(quoted(folder / "in") + " " + quoted(folder / "in"));
  EXPECT_NE(into.exit, 0);
  EXPECT_NE(into.out.find("holds something else"), std::string::npos) << into.out;
}

TEST(Ingest, ALabelOfAnotherGridIsARowOfTheReportAndTheOthersAreThere) {
  const Scratch folder;
  image_of(folder / "a.nii.gz", 1);
  const auto label = [&](const std::string& name, volume::Shape shape, double shift_mm) {
    volume::Geometry geometry;
    geometry.origin_mm = {shift_mm, 0, 0};
    io::write_image(folder / name, Volume(shape, VoxelType::kUInt8, geometry));
  };
  label("good.nii.gz", {6, 7, 8}, 0);
  label("shifted.nii.gz", {6, 7, 8}, 5);
  label("larger.nii.gz", {6, 7, 9}, 0);
  std::ofstream(folder / "t.csv") << "case,image,label\ngood,a.nii.gz,good.nii.gz\nshifted,a.nii.gz,shifted.nii.gz\n"
                                     "larger,a.nii.gz,larger.nii.gz\ngone,nowhere.nii.gz,\n";
  const Outcome outcome = ingest(quoted(folder / "t.csv") + " " + quoted(folder / "store"));
  EXPECT_EQ(outcome.exit, 4) << outcome.out;
  EXPECT_NE(outcome.out.find("2 GRID_MISMATCH"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("case shifted: label shifted.nii.gz: it lies 5 mm away from the image"), std::string::npos)
      << outcome.out;
  EXPECT_NE(outcome.out.find("case larger: label larger.nii.gz: it has 9 x 7 x 6 voxels, the image 8 x 7 x 6"),
            std::string::npos)
      << outcome.out;
  EXPECT_NE(outcome.out.find("case gone: nowhere.nii.gz is not there [FILE_MISSING]"), std::string::npos)
      << outcome.out;
  EXPECT_EQ(store::Reader(folder / "store").size(), 1);
}

TEST(Ingest, TwoRowsOfOneNameAreRefusedBeforeAnythingIsWritten) {
  const Scratch folder;
  image_of(folder / "a.nii.gz", 1);
  image_of(folder / "b.nii.gz", 2);
  std::ofstream(folder / "t.csv") << "case,image\none,a.nii.gz\none,b.nii.gz\n";
  const Outcome outcome = ingest(quoted(folder / "t.csv") + " " + quoted(folder / "store"));
  EXPECT_EQ(outcome.exit, 2) << outcome.out;
  EXPECT_NE(outcome.out.find("two cases are called 'one': a.nii.gz and b.nii.gz"), std::string::npos) << outcome.out;
  EXPECT_FALSE(fs::exists(folder / "store"));
}

TEST(Ingest, ASignalEndsTheRunAfterACommitWithFive) {
  const Scratch folder;
  cohort(folder / "in", 40, {16, 40, 40});
  const std::string store = (folder / "store").string(), source = (folder / "in").string();
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const int null = ::open("/dev/null", O_RDWR);
    ::dup2(null, 1);
    ::dup2(null, 2);
    ::execl(GADOLIN_BINARY, GADOLIN_BINARY, "ingest", source.c_str(), store.c_str(), "--commit-every", "0", "--workers",
            "1", static_cast<char*>(nullptr));
    ::_exit(127);
  }
  for (int i = 0; i < 400 && !fs::exists(folder / "store/manifest.json"); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  ::kill(child, SIGTERM);
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 0) GTEST_SKIP() << "the machine was too fast to be interrupted";
  EXPECT_EQ(WEXITSTATUS(status), 5);
  EXPECT_GT(store::Reader(folder / "store").size(), 0);
  EXPECT_LT(store::Reader(folder / "store").size(), 40);
}

TEST(Ingest, HippocampusCasesComeThroughATableWithTheirLabels) {
  const fs::path data = shared_data() / "msd_hippocampus";
  if (!fs::exists(data)) GTEST_SKIP() << "no shared data";
  const Scratch folder;
  std::ofstream table(folder / "cases.csv");
  table << "case,image,label,patient\n";
  for (const char* id : {"006", "007", "008", "011"}) {
    const std::string file = "hippocampus_" + std::string(id) + ".nii.gz";
    table << id << "," << (data / "imagesTr" / file).string() << "," << (data / "labelsTr" / file).string() << ",s"
          << (std::atoi(id) + 1) / 2 << "\n";
  }
  table.close();
  const Outcome outcome =
      ingest(quoted(folder / "cases.csv") + " " + quoted(folder / "store") + " --labels 1=anterior 2=posterior");
  ASSERT_EQ(outcome.exit, 0) << outcome.out;
  const store::Reader reader(folder / "store");
  ASSERT_EQ(reader.size(), 4);
  EXPECT_EQ(reader.summary(1).groups.patient, "s4");
  EXPECT_EQ(reader.summary(2).groups.patient, "s4");
  const Volume label = io::read_image(data / "labelsTr/hippocampus_006.nii.gz");
  const auto voxels = label.voxels<std::uint8_t>();
  EXPECT_EQ(reader.summary(0).label_voxels.at(1), std::count(voxels.begin(), voxels.end(), 1));
}
