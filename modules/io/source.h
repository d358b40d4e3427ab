#pragma once
// What a case is made from, and whether that is still what it was.

#include <string>

#include "io/layout.h"

namespace io {

// The entry with the files of its DICOM series, which stay in the cohort's index until they are asked for.
Entry with_files(const Entry& entry, const Cohort& cohort);

// SHA-256 over everything load() depends on: bytes of the files, names, groups, scalars, report. The index of the
// cohort, where there is one, remembers the files' own. Throws Error "case ID: ..." with [FILE_MISSING], or [CHANGED]
// for a file that changes meanwhile.
std::string source_hash(const Entry& entry, const Cohort& cohort);

// Sizes and times of change of all files. What was read between two equal stamps was read from one state of them.
std::string source_stamp(const Entry& entry, const Cohort& cohort);

}  // namespace io
