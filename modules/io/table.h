#pragma once
// A table in a text file: CSV (RFC 4180) or, when the name ends in .tsv, parted by tabs. First line = column names.

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace io {

struct Table {
  std::filesystem::path path;
  std::vector<std::string> columns;            // as written, trimmed, unique
  std::vector<std::vector<std::string>> rows;  // trimmed; each as long as `columns`
  std::vector<std::size_t> lines;              // of the file, where each row begins; from 1

  std::optional<std::size_t> column(const std::string& name) const;
  // The cell, empty when there is no such column.
  std::string cell(std::size_t row, const std::string& name) const;
  std::string place(std::size_t row) const;  // "cases.csv:17"
};

// Throws usage Error with file and line: no columns, a name twice, a row of another length, a quote without an end.
Table read_table(const std::filesystem::path& path);

// The whole text as a finite number; nothing when it is none.
std::optional<double> number_in(const std::string& text);

}  // namespace io
