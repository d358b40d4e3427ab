#pragma once
// A table a person wrote: core's CSV, or parted by tabs when the name ends in .tsv (BIDS). First line = column names.

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

#include "core/table.h"

namespace io {

struct Table {
  std::filesystem::path path;
  core::Table cells;  // trimmed

  bool has(const std::string& column) const { return cells.has_column(column); }
  // Empty when there is no such column.
  std::string cell(std::size_t row, const std::string& column) const;
  std::string place(std::size_t row) const;  // "cases.csv row 17", as a spreadsheet counts
};

// Throws usage Error with file and line for what is no table.
Table read_table(const std::filesystem::path& path);

// The whole text as a finite number; nothing when it is none.
std::optional<double> number_in(const std::string& text);

}  // namespace io
