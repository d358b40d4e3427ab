// gadolin deidentify: folder to folder, nobody named in what is written or told.
#include <gtest/gtest.h>

#include <set>

#include "../io/planted_text.h"
#include "../scratch.h"
#include "core/table.h"
#include "gadolin.h"
#include "io/dicom.h"

namespace fs = std::filesystem;

namespace {

void named_archive(const fs::path& folder) {
  const volume::Volume v({4, 5, 6}, volume::VoxelType::kInt16, {});
  for (int p = 0; p < 3; ++p) {
    io::write_dicom(folder / ("CANARY" + std::to_string(p)), v,
                    {.key = "series " + std::to_string(p),
                     .patient = "CANARY" + std::to_string(p),
                     .modality = "CT",
                     .study = "",
                     .vendor = "gadolin",
                     .site = "CANARY clinic",
                     .description = "of CANARY"});
  }
  write_bytes(folder / "notes.txt", "CANARY");
}

std::set<std::string> names_below(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& file : fs::recursive_directory_iterator(folder)) {
    if (file.path().extension() == ".dcm") names.insert(file.path().lexically_relative(folder).string());
  }
  return names;
}

}  // namespace

TEST(DeidentifyCommand, AFolderBecomesOneThatNamesNobodyAndTheSecondRunFindsItDone) {
  const Scratch folder;
  named_archive(folder / "in");
  const std::string words = "deidentify " + quoted(folder / "in") + " " + quoted(folder / "out/new");
  const Outcome first = quick_gadolin(words + " --workers 1");
  ASSERT_EQ(first.exit, 0) << first.out;
  EXPECT_NE(first.out.find("12 objects written"), std::string::npos) << first.out;
  EXPECT_EQ(first.out.find("CANARY"), std::string::npos) << first.out;
  for (const auto& file : fs::recursive_directory_iterator(folder / "out/new")) {
    EXPECT_EQ(file.path().string().find("CANARY"), std::string::npos);
    EXPECT_TRUE(file.is_directory() || bytes_of(file.path()).find("CANARY") == std::string::npos) << file.path();
  }
  EXPECT_EQ(core::read_csv(folder / "out/new.links.csv").rows.size(), 3U);
  const Outcome second = quick_gadolin(words + " --json");
  EXPECT_NE(second.out.find("\"written\":0,\"present\":12"), std::string::npos) << second.out;
  const Outcome many = quick_gadolin("deidentify " + quoted(folder / "in") + " " + quoted(folder / "many") +
                                     " --workers 4 --deid-key " + quoted(folder / "out/new.key"));
  EXPECT_EQ(many.exit, 0) << many.out;
  EXPECT_EQ(names_below(folder / "many"), names_below(folder / "out/new"));
  for (const std::string& name : names_below(folder / "many"))
    EXPECT_EQ(bytes_of(folder / "many" / name), bytes_of(folder / "out/new" / name));
}

TEST(DeidentifyCommand, OtherOptionsALostKeyAndAFolderWithinTheOldOneAreRefused) {
  const Scratch folder;
  named_archive(folder / "in");
  const std::string words = "deidentify " + quoted(folder / "in") + " " + quoted(folder / "new");
  ASSERT_EQ(quick_gadolin(words).exit, 0);
  EXPECT_EQ(quick_gadolin(words + " --deid basic").exit, 2);
  EXPECT_EQ(quick_gadolin(words + " --deid off").exit, 2);
  EXPECT_EQ(quick_gadolin(words + " --deid basic,modified-date").exit, 2);
  fs::remove(folder / "new.key");
  EXPECT_EQ(quick_gadolin(words).exit, 2);
  EXPECT_EQ(quick_gadolin("deidentify " + quoted(folder / "in") + " " + quoted(folder / "in")).exit, 2);
  EXPECT_EQ(quick_gadolin("deidentify " + quoted(folder / "gone") + " " + quoted(folder / "x")).exit, 2);
}

TEST(DeidentifyCommand, AValidatorFindsNoErrorThatTheInputDidNotHave) {
  if (std::system("command -v dciodvfy >/dev/null 2>&1") != 0) GTEST_SKIP() << "no dciodvfy (Debian: dicom3tools)";
  const Scratch folder;
  named_archive(folder / "in");
  ASSERT_EQ(quick_gadolin("deidentify " + quoted(folder / "in") + " " + quoted(folder / "new")).exit, 0);
  const auto errors = [&](const fs::path& below) {
    std::set<std::string> found;
    for (const auto& file : fs::recursive_directory_iterator(below)) {
      if (file.path().extension() != ".dcm") continue;
      std::system(("dciodvfy " + quoted(file.path()) + " >" + quoted(folder / "told") + " 2>&1").c_str());
      std::ifstream told(folder / "told");
      for (std::string line; std::getline(told, line);) {
        if (line.starts_with("Error")) found.insert(line);
      }
    }
    return found;
  };
  const std::set<std::string> before = errors(folder / "in");
  for (const std::string& error : errors(folder / "new")) EXPECT_EQ(before.count(error), 1U) << error;
}

TEST(DeidentifyCommand, ADamagedObjectIsARowOfTheReportAndTheOthersAreThere) {
  const Scratch folder;
  named_archive(folder / "in");
  fs::resize_file(folder / "in/CANARY1/slice0001.dcm", 300);
  const Outcome outcome = quick_gadolin("deidentify " + quoted(folder / "in") + " " + quoted(folder / "new"));
  EXPECT_EQ(outcome.exit, 4) << outcome.out;
  EXPECT_EQ(outcome.out.find("CANARY"), std::string::npos) << outcome.out;
  EXPECT_EQ(names_below(folder / "new").size(), 11U);
}

TEST(DeidentifyCommand, ObjectsWithTextInTheirPixelsStayBehindUnlessThatIsPermitted) {
  const Scratch folder;
  Canvas clean = noise_canvas({4, 128, 192}, 60, 8, 3), named = noise_canvas({4, 128, 192}, 60, 8, 4);
  plant(named.image, lettering("CANARY JANE", 2, false), 2, 20, 12, 1000);
  io::write_dicom(folder / "in/clean", clean.image, {.key = "clean", .patient = "Doe"});
  io::write_dicom(folder / "in/named", named.image, {.key = "named", .patient = "Roe"});
  const std::string words = "deidentify " + quoted(folder / "in") + " ";
  const Outcome first = quick_gadolin(words + quoted(folder / "new"));
  EXPECT_EQ(first.exit, 4) << first.out;
  EXPECT_NE(first.out.find("4 BURNED_IN_TEXT"), std::string::npos) << "the whole series\n" << first.out;
  EXPECT_EQ(names_below(folder / "new").size(), 4U);
  EXPECT_EQ(quick_gadolin(words + quoted(folder / "new")).exit, 4);
  EXPECT_EQ(names_below(folder / "new").size(), 4U);
  const std::string report = bytes_of(folder / "new/deidentify_report.csv");
  EXPECT_NE(report.find("BURNED_IN_TEXT"), std::string::npos);
  for (const std::string* told : {&first.out, &report}) {
    EXPECT_EQ(told->find("CANARY"), std::string::npos) << *told;
    EXPECT_EQ(told->find("JANE"), std::string::npos) << *told;
  }
  EXPECT_EQ(quick_gadolin(words + quoted(folder / "off") + " --burned-in off").exit, 2);
  EXPECT_FALSE(fs::exists(folder / "off"));
  EXPECT_EQ(quick_gadolin(words + quoted(folder / "off") + " --burned-in off --i-have-permission").exit, 0);
  EXPECT_EQ(names_below(folder / "off").size(), 8U);
}
