#include "io/report_words.h"

#include <algorithm>
#include <cctype>

namespace io {
namespace {

// Base letters of U+00C0 to U+017F.
constexpr std::string_view kBase =
    "aaaaaaaceeeeiiiidnooooo?ouuuuytsaaaaaaaceeeeiiiidnooooo?ouuuuyty"
    "aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiiijjkkkllllllllll"
    "nnnnnnnnnoooooooorrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";
static_assert(kBase.size() == 0x180 - 0xC0);

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (static_cast<unsigned char>(c) & 0x80) != 0;
}

// U+2000 to U+206F: dashes, quotes and blanks of printers; U+00A0 to U+00BF: blanks and signs.
std::size_t sign_length(std::string_view at) {
  const auto byte = [&](std::size_t i) { return i < at.size() ? static_cast<unsigned char>(at[i]) : 0U; };
  if (byte(0) == 0xE2 && (byte(1) == 0x80 || byte(1) == 0x81) && byte(2) >= 0x80) return 3;
  if (byte(0) == 0xC2 && byte(1) >= 0xA0 && byte(1) <= 0xBF) return 2;
  return 0;
}

}  // namespace

std::vector<Piece> pieces_of(std::string_view text) {
  std::vector<Piece> pieces;
  for (std::size_t begin = 0; begin < text.size();) {
    std::size_t end = begin + std::max<std::size_t>(1, sign_length(text.substr(begin)));
    Piece::Kind kind = Piece::Kind::kOther;
    if (end == begin + 1 && is_digit(text[begin])) {
      kind = Piece::Kind::kNumber;
      while (end < text.size() && is_digit(text[end])) ++end;
    } else if (end == begin + 1 && is_letter(text[begin])) {
      kind = Piece::Kind::kWord;
      while (end < text.size() && is_letter(text[end]) && sign_length(text.substr(end)) == 0) ++end;
    }
    pieces.push_back({kind, text.substr(begin, end - begin)});
    begin = end;
  }
  return pieces;
}

std::string folded(std::string_view word, bool long_umlauts) {
  std::string result;
  for (std::size_t i = 0; i < word.size(); ++i) {
    const auto lead = static_cast<unsigned char>(word[i]);
    const unsigned next = i + 1 < word.size() ? static_cast<unsigned char>(word[i + 1]) : 0;
    if (lead < 0x80) {
      result += static_cast<char>(std::tolower(lead));
    } else if (lead >= 0xC3 && lead <= 0xC5 && (next & 0xC0) == 0x80) {
      const unsigned code = (lead & 0x1FU) << 6 | (next & 0x3FU);
      result += kBase[code - 0xC0];
      const bool umlaut = code == 0xC4 || code == 0xD6 || code == 0xDC || code == 0xE4 || code == 0xF6 || code == 0xFC;
      if (umlaut && long_umlauts) result += 'e';
      if (code == 0xDF) result += 's';
      ++i;
    } else if ((lead == 0xCC && next >= 0x80) || (lead == 0xCD && next >= 0x80 && next <= 0xAF)) {
      if (next == 0x88 && long_umlauts) result += 'e';  // U+0308, two dots above the letter before
      ++i;
    } else {
      result += word[i];
    }
  }
  return result;
}

std::string squeezed(std::string_view text, bool long_umlauts) {
  std::string result;
  for (const Piece& piece : pieces_of(text)) {
    if (piece.kind != Piece::Kind::kOther) result += folded(piece.text, long_umlauts);
  }
  return result;
}

bool one_letter_apart(std::string_view a, std::string_view b) {
  if (a.size() > b.size()) std::swap(a, b);
  if (b.size() - a.size() > 1) return false;
  std::size_t same = 0;
  while (same < a.size() && a[same] == b[same]) ++same;
  const std::string_view left = a.substr(same), right = b.substr(same);
  if (left.size() < right.size()) return left == right.substr(1);
  if (left.empty()) return false;  // equal
  if (left.substr(1) == right.substr(1)) return true;
  return left.size() > 1 && left[0] == right[1] && left[1] == right[0] && left.substr(2) == right.substr(2);
}

}  // namespace io
