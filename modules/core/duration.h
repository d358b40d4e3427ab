#pragma once
// A time as a person gives it to a command.

#include <string>

namespace core {

// Seconds of "23h30m", "90m", "1d2h", "1.5h", "45s" or "3600" (seconds). Units d, h, m, s, each at most once, the
// largest first. Throws usage Error for anything else, and for what is not above 0.
double duration_seconds(const std::string& text);

}  // namespace core
