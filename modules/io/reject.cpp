#include "io/reject.h"

#include <algorithm>

namespace io {

core::Error reject(std::string_view reason, const std::string& cause, std::string hint) {
  return core::Error(cause + " [" + std::string(reason) + "]", std::move(hint));
}

Refusal refusal_of(const core::Error& error) {
  Refusal why{reason_of(error), error.story(), error.hint()};
  const std::string code = " [" + why.code + "]";
  if (why.story.ends_with(code)) why.story.resize(why.story.size() - code.size());
  return why;
}

std::string reason_of(const core::Error& error) {
  const std::string& story = error.story();
  const std::size_t open = story.rfind('[');
  if (open == std::string::npos || open + 2 >= story.size() || story.back() != ']') return "OTHER";
  const std::string word = story.substr(open + 1, story.size() - open - 2);
  const bool code = std::all_of(word.begin(), word.end(),
                                [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; });
  return code ? word : "OTHER";
}

}  // namespace io
