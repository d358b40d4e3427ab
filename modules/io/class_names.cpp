#include "io/class_names.h"

#include <algorithm>
#include <cctype>

#include "io/deidentify_echo.h"

namespace io {
namespace {

constexpr std::size_t kLongestName = 64;  // characters, as an LO may have

// Characters of a text in UTF-8 (RFC 3629); nothing where it is none, or holds control characters.
std::optional<std::size_t> characters(const std::string& text) {
  std::size_t count = 0;
  for (std::size_t at = 0; at < text.size(); ++count) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const std::size_t more = lead < 0x80   ? 0
                             : lead < 0xC2 ? 4
                             : lead < 0xE0 ? 1
                             : lead < 0xF0 ? 2
                             : lead < 0xF5 ? 3
                                           : 4;
    if (lead < 0x20 || lead == 0x7F || more == 4 || at + more >= text.size()) return std::nullopt;
    unsigned code = more == 0 ? lead : lead & (0x3FU >> more);
    for (std::size_t i = 1; i <= more; ++i) {
      const auto next = static_cast<unsigned char>(text[at + i]);
      if ((next & 0xC0) != 0x80) return std::nullopt;
      code = code << 6 | (next & 0x3F);
    }
    const bool too_long = (more == 2 && code < 0x800) || (more == 3 && code < 0x10000);
    if (too_long || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000) || (code >= 0x80 && code < 0xA0))
      return std::nullopt;
    at += more + 1;
  }
  return count;
}

// Without blanks at its ends, and single ones within.
std::string tidy(const std::string& name) {
  std::string result;
  for (const char c : name) {
    if (c != ' ')
      result += c;
    else if (!result.empty() && result.back() != ' ')
      result += ' ';
  }
  if (!result.empty() && result.back() == ' ') result.pop_back();
  return result;
}

}  // namespace

std::string class_key(const std::string& name) {
  std::string key = tidy(name);
  for (char& c : key) {
    if (static_cast<unsigned char>(c) < 0x80) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return key;
}

ClassNames::ClassNames(DcmDataset& data) : words_(identifying_words(data)) {}

std::optional<std::size_t> ClassNames::add(const std::string& name) {
  const std::string text = tidy(name);
  const std::optional<std::size_t> length = characters(text);
  if (!length || *length == 0 || *length > kLongestName || holds_word(text, words_) || like_a_name(text)) {
    left_out_ = true;
    return std::nullopt;
  }
  const auto [there, added] = places_.emplace(class_key(text), all_.size());
  if (added) all_.push_back(text);
  return there->second;
}

}  // namespace io
