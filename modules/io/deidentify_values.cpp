#include "io/deidentify_values.h"

#include <dcmtk/dcmdata/dcvrut.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <vector>

namespace io {
namespace {

constexpr const char* kRemoved = "REMOVED";

std::string trimmed_value(std::string text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\0')) text.pop_back();
  text.erase(0, std::min(text.find_first_not_of(' '), text.size()));
  return text;
}

bool only(std::string_view text, std::string_view characters) {
  return text.find_first_not_of(characters) == std::string_view::npos;
}

// "20190215" moved; "" when it is no date.
std::string moved_day(std::string_view day, int days) {
  if (day.size() != 8 || !only(day, "0123456789")) return "";
  int year = 0;
  unsigned month = 0, of_month = 0;
  std::from_chars(day.data(), day.data() + 4, year);
  std::from_chars(day.data() + 4, day.data() + 6, month);
  std::from_chars(day.data() + 6, day.data() + 8, of_month);
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(of_month)};
  if (!date.ok()) return "";
  const std::chrono::year_month_day moved{std::chrono::sys_days(date) + std::chrono::days(days)};
  if (static_cast<int>(moved.year()) < 1) return "";
  char text[32];
  std::snprintf(text, sizeof text, "%04d%02u%02u", static_cast<int>(moved.year()), static_cast<unsigned>(moved.month()),
                static_cast<unsigned>(moved.day()));
  return text;
}

std::string moved_value(std::string value, DcmEVR vr, int days) {
  if (vr == EVR_TM) return value.size() <= 16 && only(value, "0123456789.:") ? value : "";
  if (vr == EVR_DA) {
    if (value.size() == 10 && value[4] == '.' && value[7] == '.') value.erase(7, 1).erase(4, 1);  // before 1993
    return moved_day(value, days);
  }
  const std::string_view rest = value.size() > 8 ? std::string_view(value).substr(8) : "";
  if (value.size() > 26 || !only(rest, "0123456789.+-")) return "";
  const std::string day = moved_day(std::string_view(value).substr(0, 8), days);
  return day.empty() ? "" : day + std::string(rest);
}

template <class Change>
std::string each_value(const std::string& values, Change&& change) {
  std::string all;
  for (std::size_t begin = 0; begin <= values.size();) {
    const std::size_t end = std::min(values.find('\\', begin), values.size());
    const std::string value = trimmed_value(values.substr(begin, end - begin));
    const std::string changed = value.empty() ? "" : change(value);
    if (changed.empty() && !value.empty()) return "";
    all += (begin == 0 ? "" : "\\") + changed;
    begin = end + 1;
  }
  return all;
}

const char* dummy_text(DcmEVR vr) {
  switch (vr) {
    case EVR_AS:
      return "000Y";
    case EVR_DA:
      return "19000101";
    case EVR_DT:
      return "19000101000000";
    case EVR_TM:
      return "000000";
    case EVR_DS:
    case EVR_IS:
      return "0";
    case EVR_UI:
      return "2.25.0";
    case EVR_UR:
      return "urn:removed";
    default:
      return kRemoved;
  }
}

bool is_text(DcmEVR vr) {
  static constexpr DcmEVR kTexts[] = {EVR_AE, EVR_AS, EVR_CS, EVR_DA, EVR_DS, EVR_DT, EVR_IS, EVR_LO, EVR_LT,
                                      EVR_PN, EVR_SH, EVR_ST, EVR_TM, EVR_UC, EVR_UI, EVR_UR, EVR_UT};
  return std::find(std::begin(kTexts), std::end(kTexts), vr) != std::end(kTexts);
}

}  // namespace

std::string deid_text(DcmElement& element) {
  OFString value;
  if (is_text(element.ident()))
    return element.getOFStringArray(value).good() ? std::string(value.c_str(), value.size()) : "";
  Uint8* bytes = nullptr;
  if (element.getVR() != EVR_UN || element.getUint8Array(bytes).bad() || bytes == nullptr) return "";
  return {reinterpret_cast<const char*>(bytes), element.getLength()};
}

void put_deid_text(DcmElement& element, const std::string& value) {
  if (element.getVR() != EVR_UN) {
    element.putString(value.c_str());
    return;
  }
  std::vector<Uint8> bytes(value.begin(), value.end());
  if (bytes.size() % 2 == 1) bytes.push_back(0);
  element.putUint8Array(bytes.data(), static_cast<unsigned long>(bytes.size()));
}

std::string shifted_values(const std::string& values, DcmEVR vr, int days) {
  return each_value(values, [&](const std::string& value) { return moved_value(value, vr, days); });
}

std::string exchanged_uids(const std::string& values, const DeidKey& key) {
  return each_value(values, [&](const std::string& value) {
    return value.starts_with("1.2.840.10008.") && only(value, "0123456789.") ? value : key.uid(value);
  });
}

void put_dummy(DcmElement& element) {
  const Uint8 byte_pair[2] = {0, 0};
  const Uint16 word = 0;
  if (is_text(element.ident())) {
    element.putString(dummy_text(element.ident()));
  } else if (element.putUint8Array(byte_pair, 2).bad() && element.putUint16Array(&word, 1).bad() &&
             element.putString("0").bad()) {
    element.clear();
  }
}

}  // namespace io
