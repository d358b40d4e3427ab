#include "io/join.h"

#include "dicom_series.h"
#include "io/layout.h"

namespace {

// Two patients, the first with two series.
void archive(const std::filesystem::path& folder) {
  int number = 0;
  for (const char* who : {"Canary1", "Canary1", "Canary2"}) {
    const std::string key = "key" + std::to_string(number++);
    written(folder / key, oblique({4, 5, 6}, volume::VoxelType::kInt16), key, who);
  }
}

}  // namespace

TEST(Join, RowsMeetAllCasesOfAPatientAndNoKeyIsKept) {
  const Scratch folder;
  archive(folder / "in");
  write_bytes(folder / "t.csv",
              "PatientID,score,sex,age_band,site,patient,report\n"
              "Canary1,3,F,40-49,north,Canary1,Seen with CANARY 1: normal.\nNobody77,5,M,,south,,\n");
  const io::Cohort cohort = io::find_cohort(folder / "in", {.join = io::Join{folder / "t.csv", "PatientID"}});
  ASSERT_EQ(cohort.entries.size(), 3U);
  int joined = 0;
  for (const io::Entry& entry : cohort.entries) {
    EXPECT_EQ(entry.groups.patient[0], 'p');
    EXPECT_EQ(entry.scalars.count("PatientID"), 0U);
    if (entry.scalars.empty()) continue;
    ++joined;
    const volume::Case one = io::load(entry, cohort);
    EXPECT_EQ(one.scalars.at("score"), 3);
    EXPECT_EQ(one.facts.at("sex"), "F");
    EXPECT_EQ(one.facts.at("age_band"), "40-49");
    EXPECT_EQ(one.groups.site, "north");
    EXPECT_EQ(one.report.find("CANARY"), std::string::npos) << one.report;
    EXPECT_NE(one.report.find(": normal."), std::string::npos) << one.report;
  }
  EXPECT_EQ(joined, 2);
  ASSERT_FALSE(cohort.notes.empty());
  EXPECT_EQ(cohort.notes.back(), "table t.csv: 1 of 2 rows meet no case, 1 of 3 cases have no row");
}

TEST(Join, NamesOfCasesWorkForEveryLayout) {
  const Scratch folder;
  archive(folder / "in");
  const io::Cohort plain = io::find_cohort(folder / "in");
  write_bytes(folder / "t.csv", "case,class\n" + plain.entries[1].id + ",1\n");
  const io::Cohort cohort = io::find_cohort(folder / "in", {.join = io::Join{folder / "t.csv", "case"}});
  EXPECT_EQ(cohort.entries[1].scalars.at("class"), 1);
  EXPECT_TRUE(cohort.entries[0].scalars.empty());
}

TEST(Join, ATableThatCannotBeMeantIsRefusedWithoutTellingAKey) {
  const Scratch folder;
  archive(folder / "in");
  const auto story = [&](const std::string& text, const std::string& by) {
    write_bytes(folder / "t.csv", text);
    return error_of([&] { io::find_cohort(folder / "in", {.join = io::Join{folder / "t.csv", by}}); });
  };
  const std::string twice = story("PatientID,score\nCanary1,1\nCanary1,2\n", "PatientID");
  EXPECT_NE(twice.find("t.csv row 3 has the same PatientID as t.csv row 2"), std::string::npos) << twice;
  EXPECT_EQ(twice.find("Canary"), std::string::npos) << twice;
  const std::string nobody = story("PatientID,score\nNobody77,1\n", "PatientID");
  EXPECT_NE(nobody.find("no row of t.csv meets a case by PatientID"), std::string::npos) << nobody;
  EXPECT_EQ(nobody.find("Nobody77"), std::string::npos) << nobody;
  EXPECT_NE(story("id,score\nCanary1,1\n", "PatientID").find("has no column 'PatientID'"), std::string::npos);
  EXPECT_NE(story("PatientID,age_band\nCanary1,43\n", "PatientID").find("never an age"), std::string::npos);
}
