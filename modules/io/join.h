#pragma once
// A table of labels, scores, groups and report texts, joined to cases while their identifiers are still at hand. Only
// pseudonyms are compared: the raw keys of a table are hashed as those of the headers were, and no key is told or kept.

#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace io {

struct Cohort;

struct Join {
  std::filesystem::path table;
  std::string by;  // one of join_keys(): a column of the table
};

// "case", which every layout has (of DICOM: the pseudonym), then those that DICOM tells: "PatientID",
// "AccessionNumber", "StudyInstanceUID", "SeriesInstanceUID".
std::span<const char* const> join_keys();
// Pseudonyms of what a header tells, in the order of join_keys() behind "case"; empty for what it does not tell.
std::vector<std::string> hashed_keys(const std::vector<std::string>& raw);

// Rows give what fill_from_row() takes; a row may meet many cases. How many rows and cases stay alone is a note of the
// cohort. Throws usage Error: no such column, one key in two rows, no row that meets a case.
void join_table(Cohort& cohort, const Join& join);

}  // namespace io
