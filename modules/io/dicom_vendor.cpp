// Vendors, as they write themselves into (0008,0070).
#include <algorithm>
#include <cctype>

#include "io/dicom_header.h"

namespace io {
namespace {

struct Row {
  std::string_view begin;  // of the lower-cased manufacturer
  std::string_view name;
};

constexpr Row kVendors[] = {
    {"ge medical", "GE"},
    {"ge health", "GE"},
    {"gems", "GE"},
    {"siemens", "Siemens"},
    {"philips", "Philips"},
    {"picker", "Philips"},
    {"adac", "Philips"},
    {"marconi", "Philips"},
    {"toshiba", "Canon"},
    {"canon", "Canon"},
    {"hitachi", "Hitachi"},
    {"fujifilm", "Fujifilm"},
    {"united imaging", "UIH"},
    {"uih", "UIH"},
    {"shimadzu", "Shimadzu"},
    {"bruker", "Bruker"},
    {"hologic", "Hologic"},
    {"neusoft", "Neusoft"},
    {"esaote", "Esaote"},
    {"mediso", "Mediso"},
    {"cps", "Siemens"},
    {"samsung", "Samsung"},
    {"hyperfine", "Hyperfine"},
    {"gadolin", "gadolin"},
    {"unknown", ""},
};

}  // namespace

std::string vendor_named(const std::string& manufacturer) {
  std::string lower;
  for (const unsigned char c : manufacturer) lower += static_cast<char>(std::tolower(c));
  lower.erase(0, lower.find_first_not_of(' '));
  for (const Row& row : kVendors) {
    if (lower.starts_with(row.begin)) return std::string(row.name);
  }
  std::string word;
  for (const unsigned char c : lower) {
    if (word.size() < 32 && (std::isalnum(c) || c == '-' || c == '_')) word += static_cast<char>(c);
  }
  return word;
}

}  // namespace io
