#include "io/dicom_report.h"

#include <dcmtk/dcmdata/dcuid.h>

#include <algorithm>

#include "io/deidentify_echo.h"
#include "io/deidentify_values.h"
#include "io/dicom_attributes.h"
#include "io/dicom_outline.h"
#include "io/reject.h"
#include "io/report_text.h"

namespace io {
namespace {

constexpr std::size_t kMostItems = 20'000;
constexpr std::size_t kLongestReport = 256 << 10;  // bytes, as scrub_report has it

std::string code_meaning(const Attributes& from, const DcmTagKey& sequence) {
  return from.item(sequence).text(DCM_CodeMeaning);
}

// "mm", "HU"; nothing for a number without unit.
std::string unit_of(const Attributes& measured) {
  const Attributes unit = measured.item(DCM_MeasurementUnitsCodeSequence);
  const std::string code = unit.text(DCM_CodeValue);
  if (unit.text(DCM_CodingSchemeDesignator) != "UCUM" || code.starts_with("{") || code.starts_with("["))
    return unit.text(DCM_CodeMeaning);
  return code == "1" ? "" : code;
}

// What an item says; nothing for kinds that say where, when or who.
std::string value_of(const Attributes& item, const std::string& type) {
  if (type == "TEXT") return item.text(DCM_TextValue);
  if (type == "CODE") return code_meaning(item, DCM_ConceptCodeSequence);
  if (type != "NUM") return "";
  const Attributes measured = item.item(DCM_MeasuredValueSequence);
  const std::string number = measured.text(DCM_NumericValue), unit = unit_of(measured);
  return number.empty() || unit.empty() ? number : number + " " + unit;
}

class Tree {
 public:
  // Depth first; not deeper than files may nest (dicom_outline.h).
  void add(const Attributes& item) {
    if (++items_ > kMostItems || bytes_ > kLongestReport)
      throw reject("STRUCTURE", "the report has more content than anybody reads", "look where it comes from");
    // Who observed, and on what: not what was seen.
    if (item.text(DCM_RelationshipType) == "HAS OBS CONTEXT") return;
    const std::string type = item.text(DCM_ValueType), name = code_meaning(item, DCM_ConceptNameCodeSequence);
    const std::string value = value_of(item, type);
    if (type == "CONTAINER" && !name.empty()) line(name);
    if (!value.empty()) line(name.empty() ? value : name + ": " + value);
    for (const Attributes& child : item.each(DCM_ContentSequence)) add(child);
  }

  // What each item says.
  const std::vector<std::string>& lines() const { return lines_; }

 private:
  void line(const std::string& words) {
    std::string& text = lines_.emplace_back();
    for (std::size_t i = 0; i < words.size(); ++i) {
      const char c = words[i];
      if (c == '\r' && i + 1 < words.size() && words[i + 1] == '\n') continue;
      text += c == '\r' || c == '\f' ? '\n' : c;
    }
    bytes_ += text.size();
  }

  std::vector<std::string> lines_;
  std::size_t items_ = 0, bytes_ = 0;
};

// All that the object tells of persons, wherever: patient, physicians, observers.
PatientWords words_in(DcmDataset& data) {
  PatientWords words;
  static const std::set<DcmTagKey> kNumbers{DCM_PatientID,
                                            DCM_RETIRED_OtherPatientIDs,
                                            DCM_AccessionNumber,
                                            DCM_AdmissionID,
                                            DCM_PatientTelephoneNumbers,
                                            DCM_StudyID,
                                            DCM_InstitutionName,
                                            DCM_InstitutionAddress,
                                            DCM_RequestedProcedureID,
                                            DCM_ServiceEpisodeID,
                                            DCM_RETIRED_MedicalRecordLocator,
                                            DCM_PlacerOrderNumberImagingServiceRequest,
                                            DCM_FillerOrderNumberImagingServiceRequest};
  for_each_value(data, [&](DcmElement& element, int) {
    const DcmTagKey tag = element.getTag().getXTag();
    if (element.ident() == EVR_PN || tag == DCM_PatientAddress) {
      words.names.push_back(deid_text(element));
    } else if (kNumbers.count(tag) > 0) {
      words.numbers.push_back(trimmed(deid_text(element)));
    } else if (tag == DCM_PatientBirthDate) {
      words.dates.push_back(trimmed(deid_text(element)));
    }
  });
  return words;
}

bool ascii(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c & 0x80) == 0 && c != '\x1B'; });
}

}  // namespace

DicomReport read_report(const std::filesystem::path& path) {
  DicomBytes bytes(path);
  outline_of(bytes);
  DicomFile file(path);
  const bool known = file.to_utf8();
  const Attributes from = file.attributes();
  if (!from.has(DCM_ContentSequence))
    throw reject("STRUCTURE", "the report has no content", "the transfer was cut; fetch it again");
  Tree tree;
  tree.add(from);
  DicomReport report;
  report.when = from.text(DCM_ContentDate) + " " + from.text(DCM_ContentTime);
  const PatientWords words = words_in(file.data());
  // Each by itself: what follows a title ends with its item.
  for (const std::string& line : tree.lines()) {
    ScrubbedText scrubbed = scrub_report(line, words);
    if (scrubbed.doubtful) report.notes.insert("REPORT_IDENTITY");
    if (!known && !ascii(line)) report.notes.insert("CHARSET");
    report.text += (report.text.empty() ? "" : "\n") + scrubbed.text;
  }
  if (!report.notes.empty()) report.text.clear();
  return report;
}

}  // namespace io
