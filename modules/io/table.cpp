#include "io/table.h"

#include <charconv>
#include <cmath>

#include "core/error.h"
#include "core/files.h"

namespace io {
namespace {

void trim(std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  text = first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// Cells parted by tabs, in which quotes and commas mean nothing, as CSV.
std::string csv_from_tabs(const std::string& text) {
  std::string csv;
  bool line_begins = true;
  for (const char c : text) {
    if (c == '\r') continue;
    if (line_begins && c != '\n') csv += '"';
    line_begins = c == '\n';
    if (c == '\n') {
      csv += !csv.empty() && csv.back() != '\n' ? "\"\n" : "\n";
    } else if (c == '\t') {
      csv += "\",\"";
    } else {
      csv += c == '"' ? std::string("\"\"") : std::string(1, c);
    }
  }
  return line_begins ? csv : csv + '"';
}

}  // namespace

std::string Table::cell(std::size_t row, const std::string& column) const {
  return has(column) ? cells.rows.at(row)[cells.column(column)] : "";
}

std::string Table::place(std::size_t row) const { return path.filename().string() + " row " + std::to_string(row + 2); }

Table read_table(const std::filesystem::path& path) {
  const std::string text = core::read_text(path);
  try {
    Table table{path,
                core::parse_csv(path.extension() == ".tsv" ? csv_from_tabs(text) : text, path.filename().string())};
    for (std::string& name : table.cells.columns) trim(name);
    for (auto& row : table.cells.rows) {
      for (std::string& cell : row) trim(cell);
    }
    return table;
  } catch (const core::Error& error) {
    throw core::usage_error(error.story(), error.hint());
  }
}

std::optional<double> number_in(const std::string& text) {
  double value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || failed != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
    return std::nullopt;
  return value;
}

}  // namespace io
