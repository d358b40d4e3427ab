// A table of cases. Columns as in layout.h; paths are relative to the table.
#include "core/error.h"
#include "io/format.h"
#include "io/layout.h"
#include "io/table.h"

namespace io {
namespace {

namespace fs = std::filesystem;

bool mine(const fs::path& path) {
  return fs::is_regular_file(path) && (path.extension() == ".csv" || path.extension() == ".tsv");
}

// "image" -> "image", "image2" -> "image2", "image:T1" -> "T1"; empty for other columns.
std::string channel_of(const std::string& column) {
  if (column.starts_with("image:")) return column.substr(6);
  const bool counted = column.starts_with("image") && column.find_first_not_of("0123456789", 5) == std::string::npos;
  return counted ? column : "";
}

Cohort find(const fs::path& path, const LayoutOptions&) {
  const Table table = read_table(path);
  std::vector<std::string> used{"case", "label", "modality"};
  std::vector<std::pair<std::string, std::string>> channels;  // column, name
  for (const std::string& column : table.cells.columns) {
    if (channel_of(column).empty()) continue;
    channels.emplace_back(column, channel_of(column));
    used.push_back(column);
  }
  if (channels.empty()) {
    throw core::usage_error(path.filename().string() + " has no column 'image'",
                            "columns are case, image (or image:NAME several times), label, patient, site, vendor, "
                            "class, score, report");
  }
  Cohort cohort;
  for (std::size_t row = 0; row < table.cells.rows.size(); ++row) {
    Entry entry;
    entry.id = table.cell(row, "case");
    const std::string modality = table.cell(row, "modality"), label = table.cell(row, "label");
    for (const auto& [column, name] : channels) {
      const std::string file = table.cell(row, column);
      entry.channels.push_back({name, modality.empty() ? modality_named(name) : modality,
                                file.empty() ? fs::path() : path.parent_path() / file});
      if (entry.id.empty() && !file.empty()) entry.id = stem_of(file);
    }
    if (entry.id.empty()) throw core::usage_error(table.place(row) + ": the row has neither a case nor an image");
    if (!label.empty()) entry.label = path.parent_path() / label;
    if (!label.empty() && number_in(label)) {
      throw core::usage_error(table.place(row) + ": '" + label + "' in column label is no file",
                              "call the column 'class' when it holds the class of the case");
    }
    fill_from_row(entry, cohort, table, row, used);
    cohort.entries.push_back(std::move(entry));
  }
  return cohort;
}

}  // namespace

extern const Layout csv_layout;
const Layout csv_layout{"csv", mine, find};

}  // namespace io
