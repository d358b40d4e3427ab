#include "volume/phantom.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <thread>

#include "../same_voxels.h"
#include "../scratch.h"
#include "core/table.h"
#include "gadolin.h"
#include "io/format.h"
#include "store/reader.h"

namespace fs = std::filesystem;

namespace {

volume::PhantomOptions tiny_cohort() {
  volume::PhantomOptions options;
  options.patients = 6;
  options.size = 20;
  return options;
}

Outcome phantom(const fs::path& out, const std::string& more = "") {
  return gadolin("phantom '" + out.string() + "' --patients 6 --size 20 " + more);
}

// Every file below the folder and its bytes.
std::map<std::string, std::string> contents(const fs::path& folder) {
  std::map<std::string, std::string> all;
  for (const auto& file : fs::recursive_directory_iterator(folder)) {
    if (!file.is_regular_file()) continue;
    std::ifstream stream(file.path(), std::ios::binary);
    all[file.path().lexically_relative(folder).string()] = {std::istreambuf_iterator<char>(stream),
                                                            std::istreambuf_iterator<char>()};
  }
  return all;
}

}  // namespace

TEST(PhantomCommand, ANiftiCohortComesThroughIngestAsItWasMade) {
  const Scratch folder;
  const Outcome made = phantom(folder / "p", "--channels 2 --labelled 4");
  ASSERT_EQ(made.exit, 0) << made.out;
  EXPECT_NE(made.out.find("6 cases of 6 patients, 4 labelled; 6 written"), std::string::npos) << made.out;
  const Outcome taken = gadolin("ingest '" + (folder / "p").string() + "' '" + (folder / "s").string() + "'");
  ASSERT_EQ(taken.exit, 0) << taken.out;
  const store::Reader reader(folder / "s");
  ASSERT_EQ(reader.size(), 6);
  EXPECT_EQ(reader.label_names().at(1), "liver");
  volume::PhantomOptions options = tiny_cohort();
  options.channels = 2;
  for (std::int64_t i = 0; i < 6; ++i) {
    const volume::Case truth = volume::phantom_case(options, i), back = reader.load(i);
    EXPECT_EQ(back.id, truth.id);
    ASSERT_EQ(back.channels.size(), 2U);
    EXPECT_EQ(back.channels[1].name, "T2");
    EXPECT_EQ(back.channels[1].modality, "MR");
    EXPECT_TRUE(same_voxels(*back.channels[1].image, *truth.channels[1].image));
    EXPECT_TRUE(volume::same_place(back.reference().geometry, truth.reference().geometry, truth.reference().shape()));
    EXPECT_EQ(back.label_map.has_value(), i < 4);
    EXPECT_EQ(back.scalars, i < 4 ? truth.scalars : decltype(back.scalars){});
    EXPECT_EQ(back.report, truth.report);
    EXPECT_EQ(back.groups.patient, truth.groups.patient);
    EXPECT_EQ(back.groups.site, truth.groups.site);
    EXPECT_EQ(back.groups.vendor, truth.groups.vendor);
    if (i < 4) {
      EXPECT_TRUE(same_voxels(*back.label_map, *truth.label_map));
    }
  }
}

TEST(PhantomCommand, ADicomCohortComesThroughIngestAsItWasMade) {
  const Scratch folder;
  const Outcome made =
      phantom(folder / "p", "--format dicom --modality CT --labelled 1 --patients 3 --set test_patients=2");
  ASSERT_EQ(made.exit, 0) << made.out;
  const core::Table cases = core::read_csv(folder / "p/cases.csv"), split = core::read_csv(folder / "p/split.csv");
  ASSERT_EQ(cases.rows.size(), 3U);
  EXPECT_EQ(split.columns, (std::vector<std::string>{"case", "patient", "set"}));
  EXPECT_EQ(split.rows[1], (std::vector<std::string>{"P0002", "P0002", "test"}));
  EXPECT_EQ(split.rows[2], (std::vector<std::string>{"P0003", "P0003", "train"}));
  EXPECT_EQ(cases.rows[1][cases.column("image:portal")], "dicom/P0002/portal");
  EXPECT_EQ(cases.rows[1][cases.column("label")], "");
  EXPECT_EQ(cases.rows[0][cases.column("label")], "labels/P0001.nii.gz");
  const Outcome taken = gadolin("ingest '" + (folder / "p").string() + "' '" + (folder / "s").string() + "'");
  ASSERT_EQ(taken.exit, 0) << taken.out;
  const store::Reader reader(folder / "s");
  ASSERT_EQ(reader.size(), 3);
  volume::PhantomOptions options = tiny_cohort();
  options.modality = "CT";
  for (std::int64_t i = 0; i < 3; ++i) {
    const volume::Case truth = volume::phantom_case(options, i), back = reader.load(i);
    EXPECT_EQ(back.id, truth.id);
    EXPECT_EQ(back.groups.patient, truth.groups.patient) << "the table wins over the pseudonym";
    EXPECT_TRUE(same_voxels(back.reference(), truth.reference()));
    EXPECT_EQ(back.channels[0].modality, "CT");
    EXPECT_TRUE(volume::same_place(back.reference().geometry, truth.reference().geometry, truth.reference().shape()));
    EXPECT_EQ(back.label_map.has_value(), i == 0);
  }
  const Outcome archive =
      gadolin("ingest '" + (folder / "p/dicom").string() + "' '" + (folder / "a").string() + "' --layout dicom");
  EXPECT_EQ(archive.exit, 0) << archive.out;
  EXPECT_EQ(store::Reader(folder / "a").size(), 3) << "the archive alone, without the table";
}

TEST(PhantomCommand, KilledAtAnyMomentTheNextRunGoesOnAndTheCohortIsThatOfAnUnbrokenRun) {
  const Scratch folder;
  ASSERT_EQ(phantom(folder / "whole-nifti").exit, 0);
  ASSERT_EQ(phantom(folder / "whole-dicom", "--format dicom").exit, 0);
  const std::pair<const char*, int> kills[] = {{"nifti", 180}, {"dicom", 250}};
  for (const auto& [format, wait_ms] : kills) {
    const std::string out = (folder / format).string();
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      const int null = ::open("/dev/null", O_RDWR);
      ::dup2(null, 1);
      ::dup2(null, 2);
      ::execl(GADOLIN_BINARY, GADOLIN_BINARY, "phantom", out.c_str(), "--patients", "6", "--size", "20", "--format",
              format, static_cast<char*>(nullptr));
      ::_exit(127);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(wait_ms));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    const Outcome rest = phantom(out, std::string("--format ") + format);
    EXPECT_EQ(rest.exit, 0) << rest.out;
    EXPECT_TRUE(contents(out) == contents(folder / (std::string("whole-") + format))) << format;
  }
}

TEST(PhantomCommand, MorePatientsGoOnAndOtherSettingsAreRefused) {
  const Scratch folder;
  ASSERT_EQ(phantom(folder / "p").exit, 0);
  fs::remove(folder / "p/images/P0003.nii.gz");
  const Outcome again = phantom(folder / "p", "--set patients=7 --workers 2");
  EXPECT_NE(again.out.find("1 written, 5 already there"), std::string::npos) << again.out;  // flags win
  const Outcome more = gadolin("phantom '" + (folder / "p").string() + "' --set patients=8 --set size=20");
  EXPECT_NE(more.out.find("2 written, 6 already there"), std::string::npos) << more.out;
  EXPECT_EQ(core::read_csv(folder / "p/cases.csv").rows.size(), 8U);
  for (const char* other : {"--format dicom", "--noise 0"}) {
    const Outcome refused = phantom(folder / "p", other);
    EXPECT_EQ(refused.exit, 2) << refused.out;
    EXPECT_NE(refused.out.find("made with other settings"), std::string::npos) << refused.out;
  }
}

TEST(PhantomCommand, ADryRunTellsTheSizeAndAForeignFolderIsLeftAlone) {
  const Scratch folder;
  const Outcome dry = phantom(folder / "p", "--dry-run");
  EXPECT_EQ(dry.exit, 0) << dry.out;
  EXPECT_NE(dry.out.find(" kB as nifti; nothing written"), std::string::npos) << dry.out;
  EXPECT_FALSE(fs::exists(folder / "p"));
  fs::create_directories(folder / "mine");
  std::ofstream(folder / "mine/letter.txt") << "dear all";
  for (const char* where : {"mine", "mine/letter.txt"}) {
    const Outcome foreign = phantom(folder / where);
    EXPECT_EQ(foreign.exit, 2) << foreign.out;
    EXPECT_NE(foreign.out.find("hint: choose a new or an empty folder"), std::string::npos) << foreign.out;
  }
  EXPECT_EQ(contents(folder / "mine").size(), 1U);
  const Outcome small = phantom(folder / "p", "--anisotropy 99");
  EXPECT_EQ(small.exit, 2);
  EXPECT_NE(small.out.find("--anisotropy"), std::string::npos) << small.out;
}

TEST(PhantomCommand, OnAFullDiskItSaysSoLeavesNoHalfFileAndTheNextRunCompletesTheCohort) {
  const Scratch folder;
  ASSERT_EQ(phantom(folder / "whole", "--workers 1").exit, 0);
  // Files may not grow beyond 4 KiB; with the signal ignored write() fails as on a full disk.
  const std::string limited = "trap '' XFSZ; ulimit -f 8; exec '" GADOLIN_BINARY "' phantom '" +
                              (folder / "p").string() + "' --patients 6 --size 20 2>'" + (folder / "log").string() +
                              "' >/dev/null";
  const int status = std::system(("sh -c \"" + limited + "\"").c_str());
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 3);
  EXPECT_NE(contents(folder.path)["log"].find("gadolin: phantom P00"), std::string::npos)
      << contents(folder.path)["log"];
  const std::map<std::string, std::string> whole = contents(folder / "whole");
  for (const auto& [name, bytes] : contents(folder / "p")) EXPECT_TRUE(whole.at(name) == bytes) << name;
  EXPECT_EQ(phantom(folder / "p").exit, 0);
  EXPECT_TRUE(contents(folder / "p") == whole);
}
