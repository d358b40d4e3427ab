#pragma once
// The text of a structured report (PS3.3 A.35, C.17.3): texts, meanings of codes, measurements with their units, in the
// order of the content tree, a line each; what is said of observers, dates, persons and references is left out.

#include <filesystem>
#include <set>
#include <string>

namespace io {

struct DicomReport {
  std::string text;             // scrubbed (report_text.h) with all names, numbers and dates of the object's header
  std::set<std::string> notes;  // REPORT_IDENTITY, CHARSET: the text is then empty
  std::string when;             // content date and time: for the order of reports alone, must not be kept
};

// Throws Error with a code for a damaged file, [STRUCTURE] for no content or too much.
DicomReport read_report(const std::filesystem::path& file);

}  // namespace io
