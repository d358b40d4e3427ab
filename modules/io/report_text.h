#pragma once
// Report texts freed of what names a patient, as far as rules can. They never can wholly: a rare disease, a job or a
// relative may tell who somebody is, and no rule knows. Texts that leave the house need a person who has read them.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace io {

// What is known of the patient a text is about. Raw: must not leave io, nor be logged or kept.
struct PatientWords {
  std::vector<std::string> names;    // as in DICOM (family^given^...) or plain; parts are looked for one by one
  std::vector<std::string> numbers;  // patient id, accession number and their like
  std::vector<std::string> dates;    // of birth, YYYYMMDD; other texts are ignored
};

struct ScrubbedText {
  std::string text;        // UTF-8; what was taken out stands as [NAME], [DATE], [ID], [PHONE] or [MAIL]
  std::int64_t taken = 0;  // places
  bool doubtful = false;   // something like one of the patient's words is still there, or the text is too long to tell
};

// Takes out the patient's own words (whatever their case, accents, hyphens, line breaks and endings) and, whoever is
// meant, dates, numbers of six digits and more, telephone numbers, mail addresses and what follows a title ("Dr.",
// "Frau") or a label ("Patient:"). Years alone, measures and levels of the spine stay. Doubtful is also a word one
// letter away from a name of six letters or more: it must then not be kept.
ScrubbedText scrub_report(std::string_view text, const PatientWords& patient);

// True for a column that tells who a patient is ("PatientID", "mrn", "patient_name", "Birth Date"), and adds its cell
// to the words.
bool add_identity(const std::string& column, const std::string& cell, PatientWords& patient);

}  // namespace io
