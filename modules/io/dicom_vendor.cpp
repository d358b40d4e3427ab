// What is special to vendors, one row each: how they write themselves into (0008,0070), and what they tell of the
// acquisition in private attributes (PS3.5 7.8) alone.
#include <algorithm>
#include <cctype>
#include <cmath>

#include "io/dicom_facts.h"
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

// Places of b-value and gradient direction, as in the vendors' DICOM conformance statements for MR.
struct PrivateFact {
  const char* creator;
  std::uint16_t group;
  std::uint8_t element;
  std::size_t values;  // how many there have to be, at least
  std::size_t used;    // of these the first
  const char* name;
};

constexpr PrivateFact kPrivateFacts[] = {
    {"SIEMENS MR HEADER", 0x0019, 0x0C, 1, 1, "b_value"},
    {"SIEMENS MR HEADER", 0x0019, 0x0E, 3, 3, "b_vector"},
    {"GEMS_PARM_01", 0x0043, 0x39, 1, 1, "b_value"},
    {"Philips Imaging DD 001", 0x2001, 0x03, 1, 1, "b_value"},
};

// GE adds this to the b-values of some sequences.
constexpr double kGeOffset = 1e9;

}  // namespace

void add_private_facts(const FrameAttributes& from, Facts& facts) {
  for (const Attributes& layer : from.layers()) {
    for (const PrivateFact& row : kPrivateFacts) {
      const auto tag = layer.private_tag(row.group, row.creator, row.element);
      if (!tag || facts.count(row.name) != 0) continue;
      auto numbers = decimal_numbers(layer.text(*tag));
      if (!numbers || numbers->size() < row.values) continue;
      numbers->resize(row.used);
      if (row.used == 1) (*numbers)[0] = std::fmod((*numbers)[0], kGeOffset);
      add_numbers(facts, row.name, *numbers);
    }
  }
}

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
