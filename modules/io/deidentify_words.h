#pragma once
// Free text of a scanner's console, cleaned: only words of imaging stay.

#include <string>
#include <string_view>

namespace io {

// True for a word that names anatomy, a technique, a direction or a contrast ("axial", "T1", "b1000", "2.5mm"), in any
// case of letters.
bool is_imaging_word(std::string_view word);
// The words of the text that are, parted by single spaces; numbers stay with a unit only. "" when none is left.
std::string imaging_words(std::string_view text);

}  // namespace io
