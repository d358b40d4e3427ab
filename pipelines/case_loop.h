#pragma once
// What commands that fill a store case by case share: many cases, of which a few may be bad, on a machine that may be
// switched off. A bad case is an outcome and a row of the report; what is wrong with the store ends the run.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/stop_signal.h"
#include "store/writer.h"

namespace pipelines {

// What became of one case.
struct CaseOutcome {
  enum class Status { kLeft, kAdded, kPresent, kFailed } status = Status::kLeft;
  std::string reason, message;  // of a failure: a code in capitals, and the story

  static CaseOutcome added(const volume::Case& one);  // its reason: the codes of the case's notes
  static CaseOutcome failed(std::string reason, const core::Error& error);
};

const char* name(CaseOutcome::Status status);  // "added"

// Publishes what was added when the last time is long enough ago, so that a killed run loses little. Any thread.
class Committer {
 public:
  Committer(store::Writer& writer, double every_s) : writer_(writer), every_s_(every_s) {}
  void maybe();

 private:
  using Clock = std::chrono::steady_clock;
  store::Writer& writer_;
  double every_s_;
  std::mutex mutex_;
  Clock::time_point last_ = Clock::now();
};

struct CaseLoop {
  std::string what;                 // shown as progress: "ingest"
  std::int64_t count = 0;           // cases
  int workers = 1;                  // at once
  store::Writer* writer = nullptr;  // none: nothing is kept (a dry run)
  double commit_every_s = 60;
};

// Calls take(i) for every case, any thread, until a signal; publishes now and then and at the end. What take() throws
// ends the run.
std::vector<CaseOutcome> run_cases(const CaseLoop& loop, const core::StopSignal& stop,
                                   const std::function<CaseOutcome(std::int64_t)>& take);

// Adds the case. A case that the store refuses is an outcome; throws when it is the store that cannot go on.
CaseOutcome add_to(store::Writer& writer, const volume::Case& one, const std::string& source_hash,
                   const std::optional<store::ClassLocations>& locations = std::nullopt);

struct CaseTally {
  std::int64_t added = 0, present = 0, failed = 0, left = 0;
  std::map<std::string, std::int64_t> reasons;  // of those that failed
  std::map<std::string, std::int64_t> notes;    // of those that were added

  std::string text() const;  // ", 3 already there, 1 failed; 1 TRUNCATED; noted: 2 LOSSY"
  core::Exit exit() const;
};
CaseTally tally_of(const std::vector<CaseOutcome>& outcomes);

// case,status,reason,message: one row a case.
void write_case_report(const std::filesystem::path& path, const std::vector<std::string>& ids,
                       const std::vector<CaseOutcome>& outcomes);
// The first failures, one line each.
void tell_failures(const std::vector<CaseOutcome>& outcomes);

}  // namespace pipelines
