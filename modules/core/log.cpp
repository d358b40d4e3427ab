#include "core/log.h"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <string>
#include <utility>
#include <vector>

#include "core/config.h"
#include "core/error.h"

namespace core {
namespace {

const std::vector<std::string> kNames{"debug", "info", "warn", "error", "off"};

// A logger of our own, so that a program which uses spdlog too keeps its own settings.
spdlog::logger& logger() {
  static const auto kept = [] {
    auto made = std::make_shared<spdlog::logger>("gadolin", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    made->set_pattern("%H:%M:%S %^%-5l%$ %v");
    made->flush_on(spdlog::level::debug);
    return made;
  }();
  return *kept;
}

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
    case LogLevel::kOff:
      break;
  }
  return spdlog::level::off;
}

std::string& prefix() {
  static std::string kept;
  return kept;
}

std::string one_line(std::string_view message) {
  std::string line;
  for (const char c : message) {
    if (c == '\n') {
      line += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      line += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      line += c;
    }
  }
  return line;
}

void write(LogLevel level, std::string_view message) {
  if (logger().should_log(spdlog_level(level))) logger().log(spdlog_level(level), "{}{}", prefix(), one_line(message));
}

}  // namespace

void log_debug(std::string_view message) { write(LogLevel::kDebug, message); }
void log_info(std::string_view message) { write(LogLevel::kInfo, message); }
void log_warn(std::string_view message) { write(LogLevel::kWarn, message); }
void log_error(std::string_view message) { write(LogLevel::kError, message); }

void set_log_level(LogLevel level) { logger().set_level(spdlog_level(level)); }

void set_log_prefix(std::string text) { prefix() = std::move(text); }

LogLevel log_level() {
  for (const LogLevel level : {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarn, LogLevel::kError}) {
    if (logger().should_log(spdlog_level(level))) return level;
  }
  return LogLevel::kOff;
}

LogLevel log_level_named(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<LogLevel>(i);
  }
  throw usage_error(fmt::format("no log level '{}'", name), fmt::format("one of: {}", fmt::join(kNames, ", ")));
}

}  // namespace core
