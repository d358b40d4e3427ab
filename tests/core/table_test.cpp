#include "core/table.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "core/error.h"
#include "core/files.h"

namespace core {
namespace {

std::string story_of(const std::string& csv) {
  try {
    parse_csv(csv, "cases.csv");
  } catch (const Error& error) {
    return error.story();
  }
  return "";
}

TEST(Table, CsvReadsQuotesCommasLineBreaksAndByteOrderMark) {
  const Table table = parse_csv("\xEF\xBB\xBFid,note\r\na,\"x, \"\"y\"\"\nz\"\r\n\r\nb,\r\n", "t.csv");
  EXPECT_EQ(table.columns, (std::vector<std::string>{"id", "note"}));
  ASSERT_EQ(table.rows.size(), 2u);
  EXPECT_EQ(table.rows[0][1], "x, \"y\"\nz");
  EXPECT_EQ(table.rows[1], (std::vector<std::string>{"b", ""}));
  EXPECT_EQ(parse_csv("a,b\n1,", "t.csv").rows.at(0), (std::vector<std::string>{"1", ""})) << "no line end at the end";
}

TEST(Table, CsvThatIsWrittenReadsBackTheSame) {
  Table table{{"plain", "with,comma"}, {}};
  table.add({"a\"b", "line\nbreak"});
  table.add({"", "ü"});
  table.add({" space ", "\r"});
  const Table back = parse_csv(to_csv(table), "t.csv");
  EXPECT_EQ(back.columns, table.columns);
  EXPECT_EQ(back.rows, table.rows);
  Table narrow{{"only"}, {{""}, {"x"}}};
  EXPECT_EQ(parse_csv(to_csv(narrow), "t.csv").rows, narrow.rows);
}

TEST(Table, CsvErrorsNameFileAndLine) {
  EXPECT_EQ(story_of("a,b\n1,2\n1,2,3\n"), "cases.csv:3: 3 cells where the header names 2 columns");
  EXPECT_EQ(story_of("a,b\n1,\"2\n\n"), "cases.csv:2: a quote that opens here never closes");
  EXPECT_EQ(story_of("a,b\n1,2\"\n"), "cases.csv:2: a quote in the middle of a cell");
  EXPECT_EQ(story_of("a\n\"1\"x\n"), "cases.csv:2: characters after the closing quote of a cell");
  EXPECT_NE(story_of("a,a\n").find("named twice"), std::string::npos);
  EXPECT_NE(story_of("a,\n").find("column 2 has no name"), std::string::npos);
  EXPECT_NE(story_of("\n\n").find("empty"), std::string::npos);
  EXPECT_THROW(read_csv("/no/such/table.csv"), Error);
}

TEST(Table, AMissingColumnNamesTheNearestOne) {
  const Table table{{"case", "patient"}, {}};
  EXPECT_EQ(table.column("patient"), 1u);
  EXPECT_FALSE(table.has_column("label"));
  try {
    table.column("pateint");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.hint(), "did you mean 'patient'?");
  }
}

TEST(Table, TextAlignsNumbersToTheRightAndCountsUmlautsOnce) {
  Table table{{"name", "Dice"}, {}};
  table.add({"für", "0.85 [0.81, 0.88]"});
  table.add({"x", "1"});
  EXPECT_EQ(to_text(table),
            "name               Dice\n"
            "----  -----------------\n"
            "für   0.85 [0.81, 0.88]\n"
            "x                     1\n");
}

TEST(Table, MarkdownEscapesPipesAndAlignsNumbers) {
  Table table{{"a|b", "n"}, {}};
  table.add({"x\ny", "-1.5"});
  EXPECT_EQ(to_markdown(table), "| a\\|b | n |\n|---|---:|\n| x<br>y | -1.5 |\n");
}

TEST(Table, NumbersAreWrittenAsAPersonWould) {
  EXPECT_EQ(fixed(0.8535, 3), "0.854");
  EXPECT_EQ(fixed(-0.0001, 2), "0.00");
  EXPECT_EQ(fixed(std::nan(""), 2), "nan");
  EXPECT_EQ(shortest(0.1), "0.1");
  EXPECT_TRUE(is_numeric_cell("0.5 ± 0.1"));
  EXPECT_FALSE(is_numeric_cell("T1"));
  EXPECT_FALSE(is_numeric_cell("3d"));
}

TEST(Table, ReadsAFile) {
  const auto path = std::filesystem::temp_directory_path() / "gadolin_table_test.csv";
  publish_file(path, std::string_view("a\n1\n"));
  EXPECT_EQ(read_csv(path).rows.at(0).at(0), "1");
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace core
