#include "core/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "core/config.h"
#include "core/error.h"
#include "core/files.h"

namespace core {
namespace {

// Reads cells off a text and knows the line it is at.
class CsvScanner {
 public:
  CsvScanner(std::string_view text, const std::string& file) : text_(text), file_(file) {
    if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
  }

  bool done() const { return at_ >= text_.size(); }
  int line() const { return line_; }

  // One record; empty lines give no cell.
  std::vector<std::string> record() {
    std::vector<std::string> cells;
    if (end_of_line()) return cells;
    while (true) {
      cells.push_back(text_.substr(at_, 1) == "\"" ? quoted() : plain());
      if (done() || end_of_line()) return cells;
      if (text_[at_] != ',') fail("characters after the closing quote of a cell");
      ++at_;
      if (done()) {
        cells.emplace_back();
        return cells;
      }
    }
  }

  [[noreturn]] void fail(const std::string& what, const std::string& hint = "") const {
    throw Error(fmt::format("{}:{}: {}", file_, line_, what), hint);
  }

 private:
  // Steps over a line end when one is here.
  bool end_of_line() {
    const std::size_t length = text_.substr(at_, 2) == "\r\n" ? 2 : text_.substr(at_, 1) == "\n" ? 1 : 0;
    at_ += length;
    line_ += length > 0 ? 1 : 0;
    return length > 0;
  }

  std::string plain() {
    const std::size_t start = at_;
    while (!done() && text_[at_] != ',' && text_[at_] != '\n' && text_.substr(at_, 2) != "\r\n") {
      if (text_[at_] == '"') fail("a quote in the middle of a cell", "put the whole cell in quotes and double it");
      ++at_;
    }
    return std::string(text_.substr(start, at_ - start));
  }

  std::string quoted() {
    const int opened = line_;
    std::string cell;
    for (++at_; !done(); ++at_) {
      if (text_[at_] == '"') {
        if (text_.substr(at_, 2) != "\"\"") {
          ++at_;
          return cell;
        }
        ++at_;
      }
      line_ += text_[at_] == '\n' ? 1 : 0;
      cell += text_[at_];
    }
    line_ = opened;
    fail("a quote that opens here never closes");
  }

  std::string_view text_;
  const std::string& file_;
  std::size_t at_ = 0;
  int line_ = 1;
};

void check_names(const CsvScanner& scanner, const std::vector<std::string>& names) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty()) scanner.fail(fmt::format("column {} has no name", i + 1));
    if (std::find(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(i), names[i]) !=
        names.begin() + static_cast<std::ptrdiff_t>(i)) {
      scanner.fail(fmt::format("column '{}' is named twice", names[i]));
    }
  }
}

std::string csv_cell(const std::string& cell) {
  if (cell.find_first_of(",\"\r\n") == std::string::npos) return cell;
  std::string quoted = "\"";
  for (const char c : cell) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

void append_csv_row(std::string& csv, const std::vector<std::string>& cells) {
  // A single empty cell would be an empty line, which the reader skips.
  if (cells.size() == 1 && cells[0].empty()) csv += "\"\"";
  for (std::size_t i = 0; i < cells.size(); ++i) csv += (i > 0 ? "," : "") + csv_cell(cells[i]);
  csv += '\n';
}

std::string replaced(std::string_view text, std::string_view line_break, bool escape_pipe) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      out += line_break;
    } else if (c == '|' && escape_pipe) {
      out += "\\|";
    } else if (c != '\r') {
      out += c;
    }
  }
  return out;
}

bool numeric_column(const Table& table, std::size_t column) {
  return !table.rows.empty() && std::all_of(table.rows.begin(), table.rows.end(),
                                            [&](const auto& row) { return is_numeric_cell(row[column]); });
}

std::string padded(const std::string& cell, std::size_t width, bool right) {
  const std::string space(width - std::min(width, display_width(cell)), ' ');
  return right ? space + cell : cell + space;
}

std::string text_row(const std::vector<std::string>& cells, std::span<const std::size_t> widths,
                     const std::vector<bool>& right) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    line += (i > 0 ? "  " : "") + padded(replaced(cells[i], " ", false), widths[i], right[i]);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line + '\n';
}

}  // namespace

void Table::add(std::vector<std::string> row) {
  GADOLIN_CHECK(row.size() == columns.size());
  rows.push_back(std::move(row));
}

bool Table::has_column(std::string_view name) const {
  return std::find(columns.begin(), columns.end(), name) != columns.end();
}

std::size_t Table::column(std::string_view name) const {
  const auto found = std::find(columns.begin(), columns.end(), name);
  if (found != columns.end()) return static_cast<std::size_t>(found - columns.begin());
  const std::string close = nearest(std::string(name), columns);
  throw Error(fmt::format("the table has no column '{}'", name),
              close.empty() ? fmt::format("its columns are: {}", fmt::join(columns, ", "))
                            : fmt::format("did you mean '{}'?", close));
}

Table parse_csv(std::string_view text, const std::string& file) {
  CsvScanner scanner(text, file);
  Table table;
  while (!scanner.done() && table.columns.empty()) {
    table.columns = scanner.record();
    if (!table.columns.empty()) check_names(scanner, table.columns);
  }
  if (table.columns.empty()) throw Error(file + ":1: an empty table", "the first line names the columns");
  while (!scanner.done()) {
    const int line = scanner.line();
    std::vector<std::string> cells = scanner.record();
    if (cells.empty()) continue;
    if (cells.size() != table.columns.size()) {
      throw Error(fmt::format("{}:{}: {} cells where the header names {} columns", file, line, cells.size(),
                              table.columns.size()),
                  "a cell that holds a comma must stand in quotes");
    }
    table.rows.push_back(std::move(cells));
  }
  return table;
}

Table read_csv(const std::filesystem::path& path) { return parse_csv(read_text(path), path.string()); }

std::string to_csv(const Table& table) {
  std::string csv;
  append_csv_row(csv, table.columns);
  for (const auto& row : table.rows) append_csv_row(csv, row);
  return csv;
}

std::string to_markdown(const Table& table) {
  std::string page = "|";
  for (const std::string& name : table.columns) page += " " + replaced(name, "<br>", true) + " |";
  page += "\n|";
  for (std::size_t i = 0; i < table.columns.size(); ++i) page += numeric_column(table, i) ? "---:|" : "---|";
  page += '\n';
  for (const auto& row : table.rows) {
    page += '|';
    for (const std::string& cell : row) page += " " + replaced(cell, "<br>", true) + " |";
    page += '\n';
  }
  return page;
}

std::string to_text(const Table& table) {
  std::vector<std::size_t> widths;
  std::vector<bool> right;
  std::vector<std::string> rule;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    std::size_t width = display_width(table.columns[i]);
    for (const auto& row : table.rows) width = std::max(width, display_width(replaced(row[i], " ", false)));
    widths.push_back(width);
    right.push_back(numeric_column(table, i));
    rule.emplace_back(width, '-');
  }
  std::string text = text_row(table.columns, widths, right) + text_row(rule, widths, right);
  for (const auto& row : table.rows) text += text_row(row, widths, right);
  return text;
}

bool is_numeric_cell(std::string_view cell) {
  if (cell.empty() || cell == "-" || cell == "nan" || cell == "inf" || cell == "-inf") return true;
  if (cell.find_first_of("0123456789") == std::string_view::npos) return false;
  const char first = cell.front();
  if (first != '-' && first != '+' && first != '.' && (first < '0' || first > '9')) return false;
  std::string rest(cell);
  for (const std::string_view allowed : {"±", "–", "nan"}) {
    for (std::size_t at; (at = rest.find(allowed)) != std::string::npos;) rest.erase(at, allowed.size());
  }
  return rest.find_first_not_of("0123456789+-.eE,;[]()% ") == std::string::npos;
}

std::size_t display_width(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string fixed(double value, int decimals) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  std::string text = fmt::format("{:.{}f}", value, decimals);
  if (text.front() == '-' && text.find_first_not_of("-0.") == std::string::npos) text.erase(0, 1);
  return text;
}

std::string shortest(double value) { return std::isnan(value) ? "nan" : fmt::format("{}", value); }

}  // namespace core
