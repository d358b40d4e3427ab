#include "io/report_text.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <set>

#include "io/report_words.h"

namespace io {
namespace {

using Kind = Piece::Kind;
using Pieces = std::vector<Piece>;

constexpr std::size_t kLongestText = 256 << 10;  // bytes
constexpr std::size_t kSqueezable = 4;           // letters or digits that are looked for across blanks and hyphens
constexpr std::size_t kTellingName = 6;          // letters of a name that one wrong letter does not hide
constexpr const char *kName = "[NAME]", *kDate = "[DATE]", *kId = "[ID]", *kPhone = "[PHONE]", *kMail = "[MAIL]";

bool one_of(const std::string& word, std::initializer_list<const char*> list) {
  return std::any_of(list.begin(), list.end(), [&](const char* each) { return word == each; });
}

void mask(Pieces& pieces, std::size_t first, std::size_t last, const char* with) {
  for (std::size_t i = first; i <= last; ++i) {
    if (pieces[i].mask == nullptr) pieces[i].mask = with;
  }
}

std::set<std::string> parts_of(const std::vector<std::string>& names, bool long_umlauts) {
  std::set<std::string> parts;
  for (const std::string& name : names) {
    for (const Piece& piece : pieces_of(name)) {
      const std::string part = folded(piece.text, long_umlauts);
      if (piece.kind == Kind::kWord && part.size() >= 2) parts.insert(part);
    }
  }
  return parts;
}

// The spellings of a date as digits in a row.
std::vector<std::string> spellings(const std::string& date) {
  if (date.size() != 8 || date.find_first_not_of("0123456789") != std::string::npos) return {};
  const std::string year = date.substr(0, 4), month = date.substr(4, 2), day = date.substr(6), y = date.substr(2, 2);
  return {date, day + month + year, month + day + year, day + month + y, month + day + y, y + month + day};
}

// What is looked for whatever stands between its letters.
std::set<std::string> squeezed_words(const PatientWords& patient, bool long_umlauts) {
  std::set<std::string> words;
  const auto add = [&](const std::string& text) {
    if (text.size() >= kSqueezable) words.insert(text);
  };
  for (const std::string& part : parts_of(patient.names, long_umlauts)) add(part.size() > kSqueezable ? part : "");
  for (const std::string& number : patient.numbers) add(squeezed(number, long_umlauts));
  for (const std::string& date : patient.dates) {
    for (const std::string& spelling : spellings(date)) add(spelling);
  }
  return words;
}

// Masks every piece that has a part in a word of the patient, and what lies between.
void mask_squeezed(Pieces& pieces, const PatientWords& patient, bool long_umlauts) {
  std::string text;
  std::vector<std::size_t> from;  // the piece of each letter
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (pieces[i].kind == Kind::kOther) continue;
    text += folded(pieces[i].text, long_umlauts);
    from.resize(text.size(), i);
  }
  for (const std::string& word : squeezed_words(patient, long_umlauts)) {
    const char* with = std::isdigit(static_cast<unsigned char>(word.back())) != 0 ? kId : kName;
    for (std::size_t at = 0; (at = text.find(word, at)) != std::string::npos; ++at)
      mask(pieces, from[at], from[at + word.size() - 1], with);
  }
}

// Whole words, also with an ending ("Meiers"); short names and numbers as they stand.
void mask_words(Pieces& pieces, const PatientWords& patient, bool long_umlauts) {
  const std::set<std::string> parts = parts_of(patient.names, long_umlauts);
  std::set<std::string> numbers;
  for (const std::string& number : patient.numbers) {
    if (number.size() == 3) numbers.insert(number);
  }
  for (Piece& piece : pieces) {
    if (piece.kind == Kind::kNumber && numbers.count(std::string(piece.text)) > 0) piece.mask = kId;
    if (piece.kind != Kind::kWord) continue;
    const std::string word = folded(piece.text, long_umlauts);
    for (std::size_t ending = 0; ending <= 2 && ending < word.size(); ++ending) {
      const std::string stem = word.substr(0, word.size() - ending);
      if (parts.count(stem) > 0 && (ending == 0 || stem.size() >= kSqueezable)) piece.mask = kName;
    }
  }
}

bool is_month(const Piece& piece) {
  if (piece.kind != Kind::kWord) return false;
  const std::string word = folded(piece.text);
  return one_of(word, {"jan",     "feb",      "mar",       "apr",     "may",       "jun",     "jul",      "aug",
                       "sep",     "sept",     "oct",       "nov",     "dec",       "january", "february", "march",
                       "april",   "june",     "july",      "august",  "september", "october", "november", "december",
                       "januar",  "februar",  "marz",      "mrz",     "mai",       "juni",    "juli",     "oktober",
                       "okt",     "dezember", "dez",       "janvier", "fevrier",   "mars",    "avril",    "juin",
                       "juillet", "aout",     "septembre", "octobre", "novembre",  "decembre"});
}

// The next piece that is no blank, dot or comma; the size of the list when there is none within three.
std::size_t next_word(const Pieces& pieces, std::size_t at) {
  for (std::size_t i = at + 1; i < pieces.size() && i <= at + 4; ++i) {
    const bool between =
        pieces[i].kind == Kind::kOther && one_of(std::string(pieces[i].text), {" ", ".", ",", "\t", "\n", "\r"});
    if (!between) return i;
  }
  return pieces.size();
}

bool short_number(const Piece& piece) { return piece.kind == Kind::kNumber && piece.text.size() <= 2; }
bool year_like(const Piece& piece) {
  return piece.kind == Kind::kNumber && (piece.text.size() == 2 || piece.text.size() == 4);
}

// 31.01.2024, 2024-01-31, 1/31/24; 31 January 2024, Jan 31, 2024, January 2024.
void mask_dates(Pieces& pieces) {
  const auto sign = [](const Piece& p) {
    return p.kind == Kind::kOther && one_of(std::string(p.text), {".", "/", "-"});
  };
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (pieces[i].kind == Kind::kNumber && i + 4 < pieces.size() && sign(pieces[i + 1])) {
      const std::size_t second = pieces[i + 2].kind == Kind::kNumber ? i + 2 : next_word(pieces, i + 1);
      const std::size_t dot = second + 1;
      const std::size_t third = dot + 1 < pieces.size() && pieces[dot + 1].kind == Kind::kNumber ? dot + 1
                                : dot < pieces.size() ? next_word(pieces, dot)
                                                      : pieces.size();
      if (third < pieces.size() && sign(pieces[dot]) && short_number(pieces[second]) &&
          ((short_number(pieces[i]) && year_like(pieces[third])) ||
           (pieces[i].text.size() == 4 && short_number(pieces[third]))))
        mask(pieces, i, third, kDate);
    }
    if (!is_month(pieces[i])) continue;
    std::size_t first = i, last = i;
    for (std::size_t back = 1; back <= 3 && back <= i; ++back) {
      if (short_number(pieces[i - back])) first = i - back;
      if (pieces[i - back].kind == Kind::kWord) break;
    }
    for (int times = 0; times < 2; ++times) {
      const std::size_t next = next_word(pieces, last);
      if (next < pieces.size() && (short_number(pieces[next]) || year_like(pieces[next]))) last = next;
    }
    if (first < last || first < i) mask(pieces, first, last, kDate);
  }
}

// Numbers of six digits and more, letters and digits in one with four digits and more, mail addresses.
void mask_numbers(Pieces& pieces) {
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const bool joined =
        (i > 0 && pieces[i - 1].kind == Kind::kWord) || (i + 1 < pieces.size() && pieces[i + 1].kind == Kind::kWord);
    if (pieces[i].kind == Kind::kNumber && (pieces[i].text.size() >= 6 || (joined && pieces[i].text.size() >= 4))) {
      const std::size_t first = i > 0 && pieces[i - 1].kind == Kind::kWord ? i - 1 : i;
      const std::size_t last = i + 1 < pieces.size() && pieces[i + 1].kind == Kind::kWord ? i + 1 : i;
      mask(pieces, first, last, kId);
    }
    if (pieces[i].text != "@") continue;
    const auto part = [&](const Piece& p) {
      return p.kind != Kind::kOther || one_of(std::string(p.text), {".", "_", "-", "+"});
    };
    std::size_t first = i, last = i;
    while (first > 0 && part(pieces[first - 1])) --first;
    while (last + 1 < pieces.size() && part(pieces[last + 1])) ++last;
    mask(pieces, first, last, kMail);
  }
}

// Seven digits and more in groups that blanks, hyphens, slashes and brackets part.
void mask_phones(Pieces& pieces) {
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (pieces[i].kind != Kind::kNumber) continue;
    std::size_t last = i, digits = 0, groups = 0, between = 0;
    for (std::size_t k = i; k < pieces.size() && between <= 3; ++k) {
      if (pieces[k].kind == Kind::kNumber) {
        digits += pieces[k].text.size();
        ++groups;
        last = k;
        between = 0;
      } else if (one_of(std::string(pieces[k].text), {" ", "-", "/", "(", ")"})) {
        ++between;
      } else {
        break;
      }
    }
    if (groups >= 2 && digits >= 7) mask(pieces, i > 0 && pieces[i - 1].text == "+" ? i - 1 : i, last, kPhone);
    i = last;
  }
}

bool is_title(const Piece& piece) {
  if (piece.kind != Kind::kWord) return false;
  // MR, MS and PD are words of radiology: the titles are told by their case.
  if (one_of(std::string(piece.text), {"Mr", "Mrs", "Ms", "Hr", "Fr", "Sr", "Sra"})) return true;
  return one_of(folded(piece.text), {"dr",         "prof",     "professor",  "doctor",        "herr",
                                     "herrn",      "frau",     "miss",       "mister",        "oberarzt",
                                     "oberarztin", "chefarzt", "chefarztin", "assistenzarzt", "assistenzarztin",
                                     "madame",     "monsieur", "mme",        "senor",         "senora",
                                     "gez"});
}

bool is_label(const Pieces& pieces, std::size_t i) {
  if (pieces[i].kind != Kind::kWord || i + 1 >= pieces.size() || pieces[i + 1].text != ":") return false;
  return one_of(folded(pieces[i].text), {"name", "patient", "patientin", "radiologist", "radiologe", "radiologin",
                                         "physician", "arzt", "arztin", "befunder", "befunderin", "zuweiser", "signed",
                                         "by", "von", "nachname", "vorname", "surname"});
}

bool written_as_name(const Piece& piece) {
  if (piece.kind != Kind::kWord) return false;
  const auto lead = static_cast<unsigned char>(piece.text[0]);
  if (lead < 0x80) return std::isupper(lead) != 0;
  const auto next = static_cast<unsigned char>(piece.text.size() > 1 ? piece.text[1] : 0);
  return lead == 0xC3 ? next < 0xA0 : next % 2 == 0;  // capitals of U+00C0; in U+0100 they take turns
}

// Up to four words with a capital after a title or a label, particles and hyphens between them.
void mask_named(Pieces& pieces) {
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const bool label = is_label(pieces, i);
    if (!label && !is_title(pieces[i])) continue;
    std::size_t at = label ? i + 1 : i;
    for (int names = 0; names < 4;) {
      std::size_t next = next_word(pieces, at);
      if (next < pieces.size() && pieces[next].text == "-") ++next;
      if (next >= pieces.size()) break;
      const std::string word = folded(pieces[next].text);
      const bool particle =
          is_title(pieces[next]) || one_of(word, {"med", "von", "van", "de", "der", "den", "zu", "la", "del", "di",
                                                  "al", "el", "bin", "ibn", "priv", "doz"});
      if (!particle && !written_as_name(pieces[next])) break;
      if (!particle) {
        pieces[next].mask = kName;
        ++names;
      }
      at = next;
    }
  }
}

ScrubbedText written(const Pieces& pieces) {
  ScrubbedText result;
  const char* last = nullptr;
  for (const Piece& piece : pieces) {
    if (piece.mask == nullptr) result.text += piece.text;
    if (piece.mask != nullptr && piece.mask != last) {
      result.text += piece.mask;
      ++result.taken;
    }
    last = piece.mask;
  }
  return result;
}

// Looks at what is left: nothing of the patient's may be there, nor a word that is nearly a name.
bool doubtful(const Pieces& pieces, const PatientWords& patient) {
  for (const bool long_umlauts : {false, true}) {
    const std::set<std::string> names = parts_of(patient.names, long_umlauts);
    for (const Piece& piece : pieces) {
      if (piece.mask != nullptr || piece.kind != Kind::kWord) continue;
      const std::string word = folded(piece.text, long_umlauts);
      for (const std::string& name : names) {
        if (name.size() >= kTellingName && (word.find(name) != std::string::npos || one_letter_apart(word, name)))
          return true;
      }
    }
  }
  return false;
}

}  // namespace

bool add_identity(const std::string& column, const std::string& cell, PatientWords& patient) {
  const std::string name = squeezed(column);
  if (one_of(name, {"patientid", "mrn", "pid", "accession", "accessionnumber", "studyinstanceuid", "seriesinstanceuid",
                    "insurancenumber", "casenumber"})) {
    patient.numbers.push_back(cell);
  } else if (one_of(name, {"name", "patientname", "firstname", "lastname", "givenname", "familyname", "surname",
                           "nachname", "vorname"})) {
    patient.names.push_back(cell);
  } else if (one_of(name, {"birthdate", "patientbirthdate", "dateofbirth", "dob", "birthday", "geburtsdatum"})) {
    patient.dates.push_back(squeezed(cell));
  } else {
    return false;
  }
  return true;
}

ScrubbedText scrub_report(std::string_view text, const PatientWords& patient) {
  if (text.size() > kLongestText) return {"", 0, true};
  Pieces pieces = pieces_of(text);
  for (const bool long_umlauts : {false, true}) {
    mask_squeezed(pieces, patient, long_umlauts);
    mask_words(pieces, patient, long_umlauts);
  }
  mask_named(pieces);
  mask_dates(pieces);
  mask_numbers(pieces);
  mask_phones(pieces);
  ScrubbedText result = written(pieces);
  result.doubtful = doubtful(pieces, patient);
  return result;
}

}  // namespace io
