#include "io/table.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/error.h"
#include "core/files.h"

namespace io {
namespace {

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

struct Record {
  std::vector<std::string> cells;
  std::size_t line = 1;
  bool blank() const { return cells.size() == 1 && cells[0].empty(); }
};

// Reads one record and moves `at` and `line` behind it.
Record next_record(const std::string& text, char separator, std::size_t& at, std::size_t& line,
                   const std::string& file) {
  Record record{{""}, line};
  bool quoted = false, was_quoted = false;
  const auto end_cell = [&] {
    if (!was_quoted) record.cells.back() = trimmed(record.cells.back());
    was_quoted = false;
  };
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\n') ++line;
    if (quoted) {
      if (c != '"') {
        record.cells.back() += c;
      } else if (at + 1 < text.size() && text[at + 1] == '"') {
        record.cells.back() += text[++at];
      } else {
        quoted = false;
      }
    } else if (c == '"' && trimmed(record.cells.back()).empty()) {
      quoted = was_quoted = true;
      record.cells.back().clear();
    } else if (c == separator) {
      end_cell();
      record.cells.emplace_back();
    } else if (c == '\n') {
      ++at;
      end_cell();
      return record;
    } else if (!(was_quoted && (c == '\r' || c == ' '))) {
      record.cells.back() += c;
    }
  }
  if (quoted) throw core::usage_error(file + ":" + std::to_string(record.line) + ": a quote has no end");
  end_cell();
  return record;
}

}  // namespace

std::optional<std::size_t> Table::column(const std::string& name) const {
  const auto found = std::find(columns.begin(), columns.end(), name);
  if (found == columns.end()) return std::nullopt;
  return static_cast<std::size_t>(found - columns.begin());
}

std::string Table::cell(std::size_t row, const std::string& name) const {
  const auto at = column(name);
  return at ? rows.at(row)[*at] : "";
}

std::string Table::place(std::size_t row) const {
  return path.filename().string() + ":" + std::to_string(lines.at(row));
}

Table read_table(const std::filesystem::path& path) {
  const std::string text = core::read_text(path), file = path.filename().string();
  const char separator = path.extension() == ".tsv" ? '\t' : ',';
  std::size_t at = text.starts_with("\xef\xbb\xbf") ? 3 : 0, line = 1;
  Table table{path, next_record(text, separator, at, line, file).cells, {}, {}};
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const std::string& name = table.columns[i];
    if (name.empty()) throw core::usage_error(file + ":1: column " + std::to_string(i + 1) + " has no name");
    if (table.column(name) != i) throw core::usage_error(file + ":1: two columns are called '" + name + "'");
  }
  while (at < text.size()) {
    Record record = next_record(text, separator, at, line, file);
    if (record.blank()) continue;
    if (record.cells.size() != table.columns.size()) {
      throw core::usage_error(file + ":" + std::to_string(record.line) + ": " + std::to_string(record.cells.size()) +
                                  " cells, the first line names " + std::to_string(table.columns.size()),
                              "put cells that hold a comma into quotes");
    }
    table.lines.push_back(record.line);
    table.rows.push_back(std::move(record.cells));
  }
  return table;
}

std::optional<double> number_in(const std::string& text) {
  double value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || failed != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
    return std::nullopt;
  return value;
}

}  // namespace io
