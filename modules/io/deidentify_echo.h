#pragma once
// Echoes: a patient's name that somebody typed into another field. Below deidentify.h.

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcdatset.h>

#include <functional>
#include <set>
#include <string>

namespace io {

// Calls visit(element, depth) for every element that is no sequence, at any depth (0: of the data set itself), without
// recursion. The visitor may change values, not the structure.
void for_each_value(DcmDataset& data, const std::function<void(DcmElement&, int)>& visit);

// Words that tell who somebody is, in small letters: parts of all names of persons, identifiers, the birth date in its
// usual spellings. Words of imaging and those of fewer than 3 characters are none.
std::set<std::string> identifying_words(DcmDataset& data);

// True when the text holds one of them: a word of letters as a word, one with digits anywhere.
bool holds_word(const std::string& text, const std::set<std::string>& words);

// True for a text that is written as DICOM writes persons: a caret between two letters.
bool like_a_name(const std::string& text);

}  // namespace io
