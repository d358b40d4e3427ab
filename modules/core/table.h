#pragma once
// A small table of text: what reports, metrics.csv and cases.csv are made of.

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace core {

// A plain value. Every row has as many cells as there are columns; add() and the readers see to that.
struct Table {
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;

  // The row must have one cell for each column; another number is our bug.
  void add(std::vector<std::string> row);
  // The position of a column. Throws Error naming the nearest column there is.
  std::size_t column(std::string_view name) const;
  bool has_column(std::string_view name) const;
};

// CSV as in RFC 4180: comma, "quoted" cells with "" for a quote and with line breaks, CRLF or LF, first row = names.
// A byte order mark and empty lines are skipped. UTF-8 passes through. Throws Error with file and line: no header, an
// empty or repeated column name, a row of another length, a quote that never closes or stands in the middle of a cell.
Table parse_csv(std::string_view text, const std::string& file);
Table read_csv(const std::filesystem::path& path);

std::string to_csv(const Table& table);       // LF line ends; reads back to the same table
std::string to_markdown(const Table& table);  // pipes escaped, line breaks as <br>; columns of numbers to the right
std::string to_text(const Table& table);  // for a terminal: aligned columns, numbers to the right, a rule below names

// True for what counts as a number in alignment: "12", "-0.5", "1.0e-3", "0.85 [0.81, 0.88]", "0.5 ± 0.1", "", "-",
// "nan", "12 %".
bool is_numeric_cell(std::string_view cell);
// Characters (code points) of UTF-8, as a terminal counts columns.
std::size_t display_width(std::string_view text);

// "0.853" for (0.8531, 3); "nan", "inf", "-inf"; never "-0.000".
std::string fixed(double value, int decimals);
// The shortest text that reads back to the same double: "0.1", "1e-09"; "nan" whatever its sign.
std::string shortest(double value);

}  // namespace core
