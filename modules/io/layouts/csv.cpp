// A table of cases. Columns as in layout.h; paths are relative to the table.
#include <cmath>

#include "core/error.h"
#include "io/format.h"
#include "io/layout.h"
#include "io/nifti_volumes.h"
#include "io/table.h"

namespace io {
namespace {

namespace fs = std::filesystem;

// A table, or a folder that tells of its cases in a cases.csv and not in a dataset.json.
bool mine(const fs::path& path) {
  if (fs::is_regular_file(path)) return path.extension() == ".csv" || path.extension() == ".tsv";
  return fs::is_regular_file(path / "cases.csv") && !fs::exists(path / "dataset.json");
}

// The declared classes: labels.csv beside the table.
std::map<int, std::string> label_names_beside(const fs::path& folder) {
  std::map<int, std::string> names;
  if (!fs::is_regular_file(folder / "labels.csv")) return names;
  const Table table = read_table(folder / "labels.csv");
  for (std::size_t row = 0; row < table.cells.rows.size(); ++row) {
    const auto value = number_in(table.cell(row, "value"));
    if (!value || *value != std::floor(*value) || *value < 0 || *value > 65535 || table.cell(row, "name").empty()) {
      throw core::usage_error(table.place(row) + ": a class needs a value from 0 to 65535 and a name",
                              "columns of labels.csv are value and name");
    }
    names[static_cast<int>(*value)] = table.cell(row, "name");
  }
  return names;
}

// "image" -> "image", "image2" -> "image2", "image:T1" -> "T1"; empty for other columns.
std::string channel_of(const std::string& column) {
  if (column.starts_with("image:")) return column.substr(6);
  const bool counted = column.starts_with("image") && column.find_first_not_of("0123456789", 5) == std::string::npos;
  return counted ? column : "";
}

Cohort find(const fs::path& given, const LayoutOptions&) {
  const fs::path path = fs::is_directory(given) ? given / "cases.csv" : given;
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
  cohort.label_names = label_names_beside(path.parent_path());
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
  part_nifti_volumes(cohort.entries);
  return cohort;
}

}  // namespace

extern const Layout csv_layout;
const Layout csv_layout{"csv", mine, find};

}  // namespace io
