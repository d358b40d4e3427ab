#include "io/deidentify_echo.h"

#include <dcmtk/dcmdata/dcdeftag.h>

#include <algorithm>
#include <cctype>
#include <vector>

#include "io/deidentify_values.h"
#include "io/deidentify_walk.h"
#include "io/deidentify_words.h"

namespace io {
namespace {

constexpr std::size_t kShortestWord = 3;

std::string small_letters(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

bool alphanumeric(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || (c & 0x80) != 0; }

void add_word(std::set<std::string>& words, const std::string& word) {
  if (word.size() >= kShortestWord && !is_imaging_word(word)) words.insert(small_letters(word));
}

void add_parts(std::set<std::string>& words, const std::string& text) {
  std::string word;
  for (const char c : text + " ") {
    if (alphanumeric(c)) {
      word += c;
    } else {
      add_word(words, word);
      word.clear();
    }
  }
}

// "19650312" also as 1965-03-12, 12.03.1965, 03/12/1965, 12/03/1965.
void add_birth_date(std::set<std::string>& words, const std::string& date) {
  if (date.size() != 8) return;
  const std::string y = date.substr(0, 4), m = date.substr(4, 2), d = date.substr(6, 2);
  for (const std::string& text : {date, y + "-" + m + "-" + d, y + "." + m + "." + d, d + "." + m + "." + y,
                                  m + "/" + d + "/" + y, d + "/" + m + "/" + y, d + "-" + m + "-" + y})
    words.insert(text);
}

bool is_identifier(const DcmTagKey& tag) {
  static const DcmTagKey kTags[] = {DCM_PatientID,
                                    DCM_RETIRED_OtherPatientIDs,
                                    DCM_AccessionNumber,
                                    DCM_AdmissionID,
                                    DCM_RETIRED_MedicalRecordLocator,
                                    DCM_PatientTelephoneNumbers,
                                    DCM_ServiceEpisodeID,
                                    DCM_FillerOrderNumberImagingServiceRequest,
                                    DCM_PlacerOrderNumberImagingServiceRequest};
  return std::find(std::begin(kTags), std::end(kTags), tag) != std::end(kTags);
}

}  // namespace

void for_each_value(DcmDataset& data, const std::function<void(DcmElement&, int)>& visit) {
  struct Place {
    DcmItem* item;
    int depth;
  };
  std::vector<Place> open{{&data, 0}};
  while (!open.empty()) {
    const Place at = open.back();
    open.pop_back();
    for (DcmElement* element : elements_of(*at.item)) {
      if (element->ident() != EVR_SQ) {
        visit(*element, at.depth);
        continue;
      }
      for (DcmItem* item : items_of(*element)) open.push_back({item, at.depth + 1});
    }
  }
}

std::set<std::string> identifying_words(DcmDataset& data) {
  std::set<std::string> words;
  for_each_value(data, [&](DcmElement& element, int) {
    const DcmTagKey tag = element.getTag().getXTag();
    if (element.ident() == EVR_PN) {
      add_parts(words, deid_text(element));
    } else if (is_identifier(tag)) {
      std::string text = deid_text(element);
      while (!text.empty() && text.back() == ' ') text.pop_back();
      add_word(words, text);
    } else if (tag == DCM_PatientBirthDate) {
      add_birth_date(words, deid_text(element));
    } else if (tag == DCM_PatientAddress) {
      add_parts(words, deid_text(element));
    }
  });
  return words;
}

bool like_a_name(const std::string& text) {
  for (std::size_t at = text.find('^'); at != std::string::npos; at = text.find('^', at + 1)) {
    const auto letter = [&](std::size_t i) { return std::isdigit(static_cast<unsigned char>(text[i])) == 0; };
    if (at > 0 && at + 1 < text.size() && alphanumeric(text[at - 1]) && alphanumeric(text[at + 1]) && letter(at - 1) &&
        letter(at + 1))
      return true;
  }
  return false;
}

bool holds_word(const std::string& text, const std::set<std::string>& words) {
  if (text.size() < kShortestWord) return false;
  const std::string small = small_letters(text);
  return std::any_of(words.begin(), words.end(), [&](const std::string& word) {
    const bool anywhere =
        word.size() >= 5 && std::any_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
    for (std::size_t at = small.find(word); at != std::string::npos; at = small.find(word, at + 1)) {
      const std::size_t end = at + word.size();
      if (anywhere || ((at == 0 || !alphanumeric(small[at - 1])) && (end == small.size() || !alphanumeric(small[end]))))
        return true;
    }
    return false;
  });
}

}  // namespace io
