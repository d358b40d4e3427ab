// gadolin doctor: what this machine and this build can do.
#include <sys/statvfs.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "core/parallel.h"
#include "pipelines/command.h"
#include "pipelines/versions.h"

namespace pipelines {
namespace {

struct Finding {
  std::string name, value;
  bool good = true;
};

double gib(double bytes) { return bytes / (1024.0 * 1024.0 * 1024.0); }

std::string text(const char* pattern, double value) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, pattern, value);
  return buffer;
}

std::vector<Finding> examine() {
  std::vector<Finding> findings;
  for (const auto& [name, version] : library_versions()) findings.push_back({name, version});
  findings.push_back({"processors", std::to_string(core::usable_processors())});
  const double memory = static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  findings.push_back({"memory", text("%.1f GiB", gib(memory)), gib(memory) >= 4});
  struct statvfs disk {};
  if (statvfs(".", &disk) == 0) {
    const double free = static_cast<double>(disk.f_bavail) * static_cast<double>(disk.f_frsize);
    findings.push_back({"free disk here", text("%.1f GiB", gib(free)), gib(free) >= 2});
  }
  return findings;
}

std::function<core::Exit()> attach(CLI::App& app) {
  auto json = std::make_shared<bool>(false);
  app.add_flag("--json", *json, "one JSON object instead of lines");
  return [json] {
    const std::vector<Finding> findings = examine();
    bool good = true;
    if (*json) std::printf("{");
    for (std::size_t i = 0; i < findings.size(); ++i) {
      const Finding& f = findings[i];
      good = good && f.good;
      if (*json) {
        std::printf("%s\"%s\": \"%s\"", i > 0 ? ", " : "", f.name.c_str(), f.value.c_str());
      } else {
        std::printf("%-16s %s%s\n", f.name.c_str(), f.value.c_str(), f.good ? "" : "   <- little");
      }
    }
    std::printf(*json ? "}\n" : "");
    return good ? core::Exit::kDone : core::Exit::kSomeFailed;
  };
}

}  // namespace

extern const Command doctor_command;
const Command doctor_command{"doctor", "check versions, processors, memory and disk",
                             "  gadolin doctor\n  gadolin doctor --json", attach};

}  // namespace pipelines
