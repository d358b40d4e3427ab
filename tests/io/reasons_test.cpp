// Every code that the program can give is in the table, the table holds no other, and REASONS.md is made from it.
#include "io/reasons.h"

#include <algorithm>
#include <regex>
#include <set>

#include "scratch.h"

namespace {

namespace fs = std::filesystem;

// Above this file or above the working folder: compilers caches make __FILE__ relative.
fs::path project_folder() {
  for (const fs::path& start : {fs::path(__FILE__).parent_path(), fs::current_path()}) {
    for (fs::path at = fs::absolute(start); at.has_relative_path(); at = at.parent_path()) {
      if (fs::exists(at / "modules/io/REASONS.md")) return at;
    }
  }
  return ".";
}

void add_matches(std::set<std::string>& all, const std::string& text, const std::regex& pattern) {
  for (auto at = std::sregex_iterator(text.begin(), text.end(), pattern); at != std::sregex_iterator(); ++at)
    all.insert((*at)[1]);
}

// Words in capitals that are no codes: what files and standards write.
const std::set<std::string> kWords{"CHANGES",      "COPYING",      "DICM",
                                   "FALSE",        "LICENCE",      "LICENSE",
                                   "LOCAL",        "NONE",         "NRRD",
                                   "NRRD000",      "README",       "SQUN",
                                   "SV10",         "TRUE",         "UIH",
                                   "MONOCHROME2",  "REMOVED",      "YES",
                                   "MODIFIED",     "UNMODIFIED",   "DCM",
                                   "SCT",          "SRT",          "SNM3",
                                   "UCUM",         "FMA",          "RADLEX",
                                   "UMLS",         "ELSCINT1",     "GEMS_ACQU_01",
                                   "GEMS_SERS_01", "GEMS_PARM_01", "GEMS_HELIOS_01",
                                   "START",        "ADMIN",        "BQML",
                                   "CNTS",         "GML",          "GBK",
                                   "GB18030",      "BINARY",       "FRACTIONAL",
                                   "LABELMAP",     "CLOSED",       "CONTAINER",
                                   "TEXT",         "CODE",         "NUM",
                                   "RGB",          "YBR_FULL",     "MONOCHROME"};

std::set<std::string> codes_in_code() {
  std::set<std::string> found;
  for (const auto& file : fs::recursive_directory_iterator(project_folder() / "modules/io")) {
    const std::string extension = file.path().extension(), name = file.path().filename();
    if ((extension != ".cpp" && extension != ".h") || name == "reasons.cpp") continue;
    if (name == "dicom_facts.cpp" || name == "burned_rules.cpp") continue;  // words of the standard; refuse nothing
    std::set<std::string> words;
    add_matches(words, bytes_of(file.path()), std::regex("\"([A-Z][A-Z0-9_]{2,})\""));
    for (const std::string& word : words) {
      if (kWords.count(word) == 0 && !word.starts_with("MET_") && !word.starts_with("AEAS")) found.insert(word);
    }
  }
  add_matches(found, bytes_of(project_folder() / "modules/volume/quality.cpp"),
              std::regex("codes\\.emplace_back\\(\"([A-Z][A-Z0-9_]+)\""));
  add_matches(found, bytes_of(project_folder() / "pipelines/ingest_quality.cpp"),
              std::regex("doubts\\.emplace_back\\(\"([A-Z][A-Z0-9_]+)\""));
  for (const auto& file : fs::directory_iterator(project_folder() / "pipelines")) {
    const std::string name = file.path().filename();
    if (!name.starts_with("ingest") && name != "case_loop.cpp") continue;
    add_matches(found, bytes_of(file.path()), std::regex("(?:failed|reject)\\(\\s*\"([A-Z][A-Z0-9_]+)\""));
  }
  return found;
}

}  // namespace

TEST(Reasons, TheTableHoldsTheCodesOfTheProgramAndNoOther) {
  std::set<std::string> in_table;
  for (const io::Reason& reason : io::reasons()) in_table.insert(std::string(reason.code));
  EXPECT_GT(in_table.size(), 60U);
  EXPECT_EQ(codes_in_code(), in_table) << "a code needs a row in modules/io/reasons.cpp";
}

TEST(Reasons, RowsAreInOrderAndTellMeaningAndAdvice) {
  const auto rows = io::reasons();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_FALSE(rows[i].meaning.empty()) << rows[i].code;
    EXPECT_FALSE(rows[i].advice.empty()) << rows[i].code;
    if (i == 0) continue;
    EXPECT_TRUE(std::pair(rows[i - 1].kind, rows[i - 1].code) < std::pair(rows[i].kind, rows[i].code)) << rows[i].code;
  }
  ASSERT_NE(io::find_reason("TRUNCATED"), nullptr);
  EXPECT_EQ(io::find_reason("TRUNCATED")->advice, "the transfer was cut: fetch it again");
  EXPECT_EQ(io::find_reason("TRUNCATE"), nullptr);
}

TEST(Reasons, ThePageIsMadeFromTheTable) {
  EXPECT_EQ(bytes_of(project_folder() / "modules/io/REASONS.md"), io::reasons_page())
      << "gadolin config reasons --out modules/io/REASONS.md";
}
