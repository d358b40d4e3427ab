#pragma once
// A text as words, numbers and what is between, and words without case and accents; for report_text.cpp.

#include <string>
#include <string_view>
#include <vector>

namespace io {

struct Piece {
  enum class Kind { kWord, kNumber, kOther } kind;  // letters (UTF-8), digits, one character of anything else
  std::string_view text;
  const char* mask = nullptr;  // taken out, and what stands there instead
};

std::vector<Piece> pieces_of(std::string_view text);

// Lower case, Latin letters without accents; a-umlaut is "a", or "ae" where `long_umlauts`. Sharp s is "ss".
std::string folded(std::string_view word, bool long_umlauts = false);
// The folded letters and digits of a text alone.
std::string squeezed(std::string_view text, bool long_umlauts = false);

// True when one letter added, left out, changed or exchanged with its neighbour makes one of the other.
bool one_letter_apart(std::string_view a, std::string_view b);

}  // namespace io
