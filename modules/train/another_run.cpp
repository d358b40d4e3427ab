#include "train/another_run.h"

#include "core/error.h"
#include "core/log.h"
#include "core/settings_difference.h"

namespace train {
namespace {

constexpr std::size_t kListed = 5;
const char* const kHint = "train into another folder, or with the settings and data the run was begun with";

void refuse_other_settings(const std::string& there, const std::string& here, const std::string& defaults) {
  std::string list;
  std::size_t count = 0;
  for (const core::SettingDifference& one : core::settings_difference(there, here, defaults)) {
    if (one.second.empty()) {
      core::log_info("the run was begun with " + one.key + " = " + one.first + ", which is no setting any more");
    } else if (++count <= kListed) {
      list += (count > 1 ? "; " : "") + one.key + " is " + (one.first.empty() ? "not set" : one.first) + " there, " +
              one.second + " here";
    }
  }
  if (count == 0) return;
  if (count > kListed) list += "; and " + std::to_string(count - kListed) + " more";
  throw core::usage_error("the folder holds a run with other settings: " + list, kHint);
}

// A checkpoint that does not say it began with random weights.
void refuse_other_beginning(const std::map<std::string, std::string>& found, const RunFolder& run) {
  const std::string scratch = "scratch";
  const auto there = found.find("init"), here = run.facts.find("init");
  if (here == run.facts.end()) return;
  const std::string& before = there == found.end() ? scratch : there->second;
  if (before == here->second) return;
  throw core::usage_error(
      "the folder holds a run that began with other weights: there " + before + ", here " + here->second,
      "train into another folder, or give the same --init");
}

}  // namespace

void refuse_another_run(const std::map<std::string, std::string>& found, const RunFolder& run) {
  for (const char* const key : {"config", "data", "architecture"}) {
    const auto there = found.find(key), here = run.facts.find(key);
    if (there == found.end() || here == run.facts.end() || there->second == here->second) continue;
    if (key == std::string("config")) {
      refuse_other_settings(there->second, here->second, run.defaults);
    } else {
      throw core::usage_error(std::string("the folder holds a run with another ") + key + ": there " + there->second +
                                  ", here " + here->second,
                              kHint);
    }
  }
  refuse_other_beginning(found, run);
}

}  // namespace train
