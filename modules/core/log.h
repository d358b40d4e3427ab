#pragma once
// What happens, one line each, on stderr: "12:03:44 warn  ingest: 3 cases left out". stdout belongs to results.

#include <string>
#include <string_view>

namespace core {

enum class LogLevel { kDebug, kInfo, kWarn, kError, kOff };

// Any thread may call these. Line breaks and control characters in the message are written as escapes, so that one call
// is one line whatever a file name holds. Never a patient's name, number or date.
void log_debug(std::string_view message);
void log_info(std::string_view message);
void log_warn(std::string_view message);
void log_error(std::string_view message);

// Messages below the level are dropped; info is the default. Holds for the process.
void set_log_level(LogLevel level);
LogLevel log_level();
// Stands in front of each message: who of several processes says it. Holds for the process; set it before threads log.
void set_log_prefix(std::string prefix);
// "debug", "info", "warn", "error", "off". Throws usage Error for another name.
LogLevel log_level_named(std::string_view name);

}  // namespace core
