#include "core/duration.h"

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "core/error.h"

namespace core {

double duration_seconds(const std::string& text) {
  static constexpr std::array<std::pair<char, double>, 4> kUnits{{{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}}};
  const Error none = usage_error("'" + text + "' is no time", "23h30m, 90m, 1d2h or 3600s; a plain number is seconds");
  double seconds = 0;
  std::size_t unit = 0;  // the first that may still come
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    double number = 0;
    const auto [stop, failed] = std::from_chars(at, end, number, std::chars_format::fixed);
    if (failed != std::errc{} || number < 0 || !std::isfinite(number)) throw none;
    const bool plain = stop == end && at == text.data();
    if (!plain) {
      while (unit < kUnits.size() && (stop == end || kUnits[unit].first != *stop)) ++unit;
      if (unit == kUnits.size()) throw none;
      number *= kUnits[unit++].second;
    }
    seconds += number;
    at = plain ? stop : stop + 1;
  }
  if (!(seconds > 0)) throw none;
  return seconds;
}

}  // namespace core
