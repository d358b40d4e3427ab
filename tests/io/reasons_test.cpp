// modules/io/REASONS.md lists every code of the module, and no other.
#include <regex>
#include <set>

#include "scratch.h"

namespace {

namespace fs = std::filesystem;

// Above this file or above the working folder: compilers caches make __FILE__ relative.
fs::path module_folder() {
  for (const fs::path& start : {fs::path(__FILE__).parent_path(), fs::current_path()}) {
    for (fs::path at = fs::absolute(start); at.has_relative_path(); at = at.parent_path()) {
      if (fs::exists(at / "modules/io/REASONS.md")) return at / "modules/io";
    }
  }
  return "modules/io";
}

std::set<std::string> matches(const std::string& text, const std::regex& pattern) {
  std::set<std::string> all;
  for (auto at = std::sregex_iterator(text.begin(), text.end(), pattern); at != std::sregex_iterator(); ++at)
    all.insert((*at)[1]);
  return all;
}

// Words in capitals that are no codes: what files and standards write.
const std::set<std::string> kWords{"CHANGES", "COPYING", "DICM", "FALSE",      "LICENCE", "LICENSE",
                                   "LOCAL",   "NONE",    "NRRD", "NRRD000",    "README",  "SQUN",
                                   "SV10",    "TRUE",    "UIH",  "MONOCHROME2"};

}  // namespace

TEST(Reasons, ThePageListsTheCodesOfTheModuleAndNoOther) {
  std::set<std::string> in_code;
  for (const auto& file : fs::recursive_directory_iterator(module_folder())) {
    if (file.path().extension() != ".cpp" && file.path().extension() != ".h") continue;
    for (const std::string& word : matches(bytes_of(file.path()), std::regex("\"([A-Z][A-Z0-9_]{2,})\""))) {
      if (kWords.count(word) == 0 && !word.starts_with("MET_") && !word.starts_with("AEAS")) in_code.insert(word);
    }
  }
  const std::set<std::string> on_page =
      matches(bytes_of(module_folder() / "REASONS.md"), std::regex("\n\\| ([A-Z][A-Z0-9_]+) \\|"));
  EXPECT_GT(on_page.size(), 60U);
  EXPECT_EQ(in_code, on_page);
}
