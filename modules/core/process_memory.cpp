#include "core/process_memory.h"

#include <fstream>
#include <string>

namespace core {
namespace {

std::int64_t kilobytes(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key)) return std::stoll(line.substr(key.size()));
  }
  return 0;
}

}  // namespace

std::int64_t resident_bytes() { return kilobytes("VmRSS:") * 1024; }
std::int64_t most_resident_bytes() { return kilobytes("VmHWM:") * 1024; }

bool restart_most_resident() {
  std::ofstream refs("/proc/self/clear_refs");
  return static_cast<bool>(refs << "5" << std::flush);
}

}  // namespace core
