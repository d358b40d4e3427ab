// gadolin doctor: what this machine and this build can do.
#include "pipelines/doctor.h"

#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

#include "core/files.h"
#include "core/parallel.h"
#include "core/table.h"
#include "pipelines/command.h"
#include "pipelines/versions.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;

constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;
constexpr double kLeastMemoryGiB = 4, kLeastDiskGiB = 2;

std::string gib(double bytes) { return core::fixed(bytes / kGiB, 1) + " GiB"; }

Finding system_finding() {
  struct utsname system {};
  ::uname(&system);
  return {"system", std::string(system.sysname) + " " + system.release + " " + system.machine};
}

// Memory of the machine or, where it is less, of the container.
Finding memory_finding() {
  double bytes = static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  std::string where;
  for (const char* const path : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    double limit = 0;
    if (std::ifstream(path) >> limit && limit > 0 && limit < bytes) {
      bytes = limit;
      where = " (limit of the container)";
    }
  }
  return {"memory", gib(bytes) + where, bytes >= kLeastMemoryGiB * kGiB,
          bytes >= kLeastMemoryGiB * kGiB
              ? ""
              : "training 3D patches wants 4 GiB and more; a smaller data.patch and data.batch_size need less"};
}

// Room in a folder, and whether a file can be published there.
std::vector<Finding> folder_findings(const fs::path& folder) {
  struct statvfs disk {};
  if (statvfs(folder.c_str(), &disk) != 0) {
    return {{"folder", folder.string(), false, "there is no such folder; name one with --folder"}};
  }
  const double free = static_cast<double>(disk.f_bavail) * static_cast<double>(disk.f_frsize);
  std::vector<Finding> findings{{"free disk", gib(free), free >= kLeastDiskGiB * kGiB,
                                 free >= kLeastDiskGiB * kGiB ? "" : "stores and checkpoints need room; free some"}};
  const fs::path probe = folder / (".gadolin-doctor-" + std::to_string(::getpid()));
  Finding writable{"folder can be written", "yes"};
  try {
    core::publish_file(probe, std::string_view("doctor"));
  } catch (const core::Error& error) {
    writable = {"folder can be written", "no: " + error.story(), false, "name a folder of yours with --folder"};
  }
  std::error_code ignored;
  fs::remove(probe, ignored);
  findings.push_back(writable);
  return findings;
}

std::string program_in_path(const std::string& name) {
  const char* const path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (!folder.empty() && ::access((fs::path(folder) / name).c_str(), X_OK) == 0) return folder + "/" + name;
  }
  return "";
}

std::vector<Finding> examine(const fs::path& folder) {
  std::vector<Finding> findings;
  for (const auto& [name, version] : library_versions()) findings.push_back({name, version});
  findings.push_back(system_finding());
  findings.push_back({"processors", std::to_string(core::usable_processors())});
  findings.push_back(memory_finding());
  for (Finding& each : folder_findings(folder)) findings.push_back(std::move(each));
  const std::string nvcc = program_in_path("nvcc");
  findings.push_back({"nvcc", nvcc.empty() ? "none" : nvcc});
#ifdef GADOLIN_HAS_IMAGING
  for (Finding& each : examine_imaging()) findings.push_back(std::move(each));
#endif
#ifdef GADOLIN_HAS_TORCH
  for (Finding& each : examine_torch()) findings.push_back(std::move(each));
#else
  findings.push_back({"torch", "left out of this build", true, "it can ingest, prepare and inspect, not train"});
#endif
  return findings;
}

void tell_json(const std::vector<Finding>& findings, bool healthy) {
  boost::json::array all;
  for (const Finding& each : findings) {
    all.push_back(
        boost::json::object{{"name", each.name}, {"value", each.value}, {"good", each.good}, {"hint", each.hint}});
  }
  const boost::json::object object{{"healthy", healthy}, {"findings", all}};
  std::printf("%s\n", boost::json::serialize(object).c_str());
}

void tell_text(const std::vector<Finding>& findings, bool healthy) {
  for (const Finding& each : findings) {
    std::printf("%-4s %-28s %s\n", each.good ? "ok" : "BAD", each.name.c_str(), each.value.c_str());
    if (!each.hint.empty()) std::printf("%34s%s%s\n", "", each.good ? "" : "hint: ", each.hint.c_str());
  }
  std::printf("%s\n", healthy ? "all is well" : "see the hints of what is BAD");
}

std::function<core::Exit()> attach(CLI::App& app) {
  auto json = std::make_shared<bool>(false);
  auto folder = std::make_shared<std::string>(".");
  app.add_option("--folder", *folder, "where stores and runs shall lie")->capture_default_str();
  app.add_flag("--json", *json, "one JSON object instead of lines");
  return [json, folder] {
    const std::vector<Finding> findings = examine(*folder);
    const bool healthy = std::all_of(findings.begin(), findings.end(), [](const Finding& each) { return each.good; });
    if (*json) {
      tell_json(findings, healthy);
    } else {
      tell_text(findings, healthy);
    }
    return healthy ? core::Exit::kDone : core::Exit::kSomeFailed;
  };
}

}  // namespace

extern const Command doctor_command;
const Command doctor_command{"doctor", "check this machine and this build, each finding with a hint",
                             "  gadolin doctor\n  gadolin doctor --folder /data/runs --json", attach};

}  // namespace pipelines
