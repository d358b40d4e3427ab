// gadolin ingest and text burned into pixels: the case stays out, its words are told nowhere.
#include <gtest/gtest.h>

#include "../io/planted_text.h"
#include "../scratch.h"
#include "gadolin.h"
#include "io/dicom.h"

namespace fs = std::filesystem;

namespace {

// A series without and one with a name in its pixels.
void two_series(const fs::path& folder) {
  const Canvas clean = noise_canvas({5, 128, 192}, 60, 8, 3);
  Canvas named = noise_canvas({5, 128, 192}, 60, 8, 4);
  plant(named.image, lettering("CANARY JANE", 2, false), 3, 90, 12, 1000);
  io::write_dicom(folder / "a", clean.image, {.key = "clean", .patient = "Doe"});
  io::write_dicom(folder / "b", named.image, {.key = "named", .patient = "Roe"});
}

}  // namespace

TEST(IngestBurnedText, TheCaseIsRefusedAndItsWordsAreToldNowhere) {
  const Scratch folder;
  two_series(folder / "in");
  const std::string words = "ingest " + quoted(folder / "in") + " ";
  const Outcome first = quick_gadolin(words + quoted(folder / "out/a.store"));
  EXPECT_EQ(first.exit, 4) << first.out;
  EXPECT_NE(first.out.find("1 BURNED_IN_TEXT"), std::string::npos) << first.out;
  EXPECT_NE(first.out.find("1 in the store"), std::string::npos) << first.out;
  EXPECT_EQ(first.out.find("CANARY"), std::string::npos) << first.out;
  for (const auto& file : fs::recursive_directory_iterator(folder / "out")) {
    if (!file.is_regular_file()) continue;
    const std::string bytes = bytes_of(file.path());
    EXPECT_EQ(bytes.find("CANARY"), std::string::npos) << file.path();
    EXPECT_EQ(bytes.find("JANE"), std::string::npos) << file.path();
  }
}

TEST(IngestBurnedText, NotToLookNeedsPermission) {
  const Scratch folder;
  two_series(folder / "in");
  const std::string words =
      "ingest " + quoted(folder / "in") + " " + quoted(folder / "out/a.store") + " --burned-in off";
  EXPECT_EQ(quick_gadolin(words).exit, 2);
  EXPECT_FALSE(fs::exists(folder / "out/a.store"));
  const Outcome permitted = quick_gadolin(words + " --i-have-permission");
  EXPECT_EQ(permitted.exit, 0) << permitted.out;
  EXPECT_NE(permitted.out.find("2 in the store"), std::string::npos) << permitted.out;
}

TEST(IngestBurnedText, WhereNobodyCanReadTextTheReportSaysSo) {
  const Scratch folder;
  two_series(folder / "in");
  fs::create_directories(folder / "empty");
  ::setenv("TESSDATA_PREFIX", (folder / "empty").c_str(), 1);
  const Outcome outcome = quick_gadolin("ingest " + quoted(folder / "in") + " " + quoted(folder / "out/a.store"));
  ::unsetenv("TESSDATA_PREFIX");
  EXPECT_EQ(outcome.exit, 4) << outcome.out;
  const std::string report = bytes_of(folder / "out/a.store/ingest_report.csv");
  EXPECT_NE(report.find("TEXT_UNREAD"), std::string::npos) << report;
  EXPECT_NE(report.find("BURNED_IN_TEXT"), std::string::npos) << report;
}
