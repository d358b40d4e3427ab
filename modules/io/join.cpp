#include "io/join.h"

#include <algorithm>
#include <array>
#include <map>

#include "core/error.h"
#include "io/deidentify_key.h"
#include "io/layout.h"
#include "io/table.h"

namespace io {
namespace {

constexpr std::array<const char*, 5> kKeys{"case", "PatientID", "AccessionNumber", "StudyInstanceUID",
                                           "SeriesInstanceUID"};

std::string hashed_key(const std::string& raw) {
  return raw.empty() ? "" : DeidKey::known_to_all().pseudonym('k', raw);
}

// The rows by their keys, hashed but for names of cases.
std::map<std::string, std::size_t> rows_by_key(const Table& table, const std::string& by) {
  std::map<std::string, std::size_t> rows;
  for (std::size_t row = 0; row < table.cells.rows.size(); ++row) {
    const std::string cell = table.cell(row, by), key = by == "case" ? cell : hashed_key(cell);
    if (key.empty()) continue;
    const auto [there, added] = rows.emplace(key, row);
    if (!added)
      throw core::usage_error(table.place(row) + " has the same " + by + " as " + table.place(there->second),
                              "leave one row for each, or join by a finer key");
  }
  return rows;
}

std::string key_of(const Entry& entry, std::size_t kind) {
  if (kind == 0) return entry.id;
  return entry.keys.empty() ? "" : entry.keys.at(kind - 1);
}

}  // namespace

std::span<const char* const> join_keys() { return kKeys; }

std::vector<std::string> hashed_keys(const std::vector<std::string>& raw) {
  GADOLIN_CHECK(raw.size() + 1 == kKeys.size());
  std::vector<std::string> keys;
  for (const std::string& each : raw) keys.push_back(hashed_key(each));
  return keys;
}

void join_table(Cohort& cohort, const Join& join) {
  const auto kind = static_cast<std::size_t>(std::find(kKeys.begin(), kKeys.end(), join.by) - kKeys.begin());
  if (kind == kKeys.size())
    throw core::usage_error("cases cannot be joined by '" + join.by + "'",
                            "one of case, PatientID, AccessionNumber, StudyInstanceUID, SeriesInstanceUID");
  const Table table = read_table(join.table);
  if (!table.has(join.by))
    throw core::usage_error(join.table.filename().string() + " has no column '" + join.by + "'",
                            "the column must be called as the key that --by names");
  const std::map<std::string, std::size_t> rows = rows_by_key(table, join.by);
  std::vector<std::string> skip{join.by};
  if (kind != 0) skip.emplace_back("patient");  // the header's pseudonym stays
  std::vector<bool> met(table.cells.rows.size());
  std::size_t alone = 0;
  for (Entry& entry : cohort.entries) {
    const auto found = rows.find(key_of(entry, kind));
    if (found == rows.end()) {
      ++alone;
      continue;
    }
    met[found->second] = true;
    fill_from_row(entry, cohort, table, found->second, skip);
  }
  const auto unmet = std::count(met.begin(), met.end(), false);
  if (alone == cohort.entries.size())
    throw core::usage_error("no row of " + join.table.filename().string() + " meets a case by " + join.by,
                            kind == 0 ? "compare its column with the names that gadolin inspect tells"
                                      : "only DICOM files tell it; compare one value with a header");
  cohort.notes.push_back("table " + join.table.filename().string() + ": " + std::to_string(unmet) + " of " +
                         std::to_string(met.size()) + " rows meet no case, " + std::to_string(alone) + " of " +
                         std::to_string(cohort.entries.size()) + " cases have no row");
}

}  // namespace io
