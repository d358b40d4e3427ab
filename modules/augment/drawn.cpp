#include "augment/drawn.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/error.h"

namespace augment {

void Drawn::require(std::size_t count) const {
  if (values.size() == count) return;
  throw core::Error(
      "op " + op + " has " + std::to_string(values.size()) + " drawn values, expected " + std::to_string(count),
      "the log line was written by another version");
}

void Drawn::require(bool fits, const char* what) const {
  if (fits) return;
  throw core::Error("op " + op + ": the drawn " + what + " is out of range",
                    "the log line was changed, or written by another version");
}

std::string to_line(const std::vector<Drawn>& drawn) {
  std::string line;
  for (const Drawn& each : drawn) {
    if (!line.empty()) line += " | ";
    line += each.op;
    for (double value : each.values) {
      char text[32];
      const auto end = std::to_chars(text, text + sizeof text, value);
      line += ' ';
      line.append(text, end.ptr);
    }
  }
  return line;
}

std::vector<Drawn> from_line(std::string_view line) {
  std::vector<Drawn> drawn;
  bool fresh = true;
  std::size_t at = 0;
  while (at < line.size()) {
    if (line[at] == ' ' || line[at] == '\n' || line[at] == '\r') {
      ++at;
      continue;
    }
    const std::string_view word = line.substr(at, std::min(line.find_first_of(" \n\r", at), line.size()) - at);
    at += word.size();
    if (word == "|") {
      if (fresh) throw core::Error("augmentation log line names no op between two bars");
      fresh = true;
    } else if (fresh) {
      drawn.push_back({std::string(word), {}});
      fresh = false;
    } else {
      double value = 0;
      const auto end = std::from_chars(word.data(), word.data() + word.size(), value);
      if (end.ec != std::errc() || end.ptr != word.data() + word.size() || !std::isfinite(value)) {
        throw core::Error("augmentation log line: '" + std::string(word) + "' is no number");
      }
      drawn.back().values.push_back(value);
    }
  }
  if (fresh && !drawn.empty()) throw core::Error("augmentation log line ends with a bar");
  return drawn;
}

std::uint64_t draw_seed(core::Rng& rng) {
  const std::uint64_t high = rng();
  return (high << 32) | rng();
}

void push_seed(std::vector<double>& values, std::uint64_t seed) {
  values.push_back(static_cast<double>(seed >> 32));
  values.push_back(static_cast<double>(seed & 0xffffffffu));
}

std::uint64_t seed_at(const std::vector<double>& values, std::size_t position) {
  const auto word = [&values](std::size_t at) {
    return static_cast<std::uint64_t>(std::clamp(values.at(at), 0.0, 4294967295.0));
  };
  return (word(position) << 32) | word(position + 1);
}

}  // namespace augment
