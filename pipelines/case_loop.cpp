#include "pipelines/case_loop.h"

#include <fmt/format.h>

#include <optional>
#include <sstream>
#include <utility>

#include "core/files.h"
#include "core/log.h"
#include "core/parallel.h"
#include "core/progress.h"
#include "core/table.h"

namespace pipelines {

const char* name(CaseOutcome::Status status) {
  static constexpr const char* kNames[] = {"left", "added", "present", "failed"};
  return kNames[static_cast<int>(status)];
}

CaseOutcome CaseOutcome::added(const volume::Case& one) {
  return {Status::kAdded, fmt::format("{}", fmt::join(one.notes, " ")), ""};
}

CaseOutcome CaseOutcome::failed(std::string reason, const core::Error& error) {
  return {Status::kFailed, std::move(reason), error.what()};
}

void Committer::maybe() {
  const std::unique_lock hold(mutex_, std::try_to_lock);
  if (!hold || std::chrono::duration<double>(Clock::now() - last_).count() < every_s_) return;
  writer_.commit();
  last_ = Clock::now();
}

std::vector<CaseOutcome> run_cases(const CaseLoop& loop, const core::StopSignal& stop,
                                   const std::function<CaseOutcome(std::int64_t)>& take) {
  std::vector<CaseOutcome> outcomes(static_cast<std::size_t>(loop.count));
  core::Progress progress(loop.what, "cases", loop.count);
  std::optional<Committer> committer;
  if (loop.writer != nullptr) committer.emplace(*loop.writer, loop.commit_every_s);
  core::parallel_for(loop.count, loop.workers, [&](std::int64_t i) {
    if (stop.asked()) return;
    outcomes[static_cast<std::size_t>(i)] = take(i);
    if (committer) committer->maybe();
    progress.advance();
  });
  if (loop.writer != nullptr) loop.writer->commit();
  return outcomes;
}

CaseOutcome add_to(store::Writer& writer, const volume::Case& one, const std::string& source_hash,
                   const std::optional<store::ClassLocations>& locations) {
  try {
    writer.add(one, source_hash, locations);
  } catch (const core::Error& error) {
    writer.commit();  // throws when it is the store that cannot go on (a full disk)
    return CaseOutcome::failed("STORE", error);
  }
  return CaseOutcome::added(one);
}

CaseTally tally_of(const std::vector<CaseOutcome>& outcomes) {
  CaseTally sum;
  for (const CaseOutcome& outcome : outcomes) {
    sum.added += outcome.status == CaseOutcome::Status::kAdded;
    sum.present += outcome.status == CaseOutcome::Status::kPresent;
    sum.left += outcome.status == CaseOutcome::Status::kLeft;
    if (outcome.status == CaseOutcome::Status::kAdded) {
      std::istringstream codes(outcome.reason);
      for (std::string code; codes >> code;) ++sum.notes[code];
    }
    if (outcome.status != CaseOutcome::Status::kFailed) continue;
    ++sum.failed;
    ++sum.reasons[outcome.reason];
  }
  return sum;
}

std::string CaseTally::text() const {
  std::string line;
  if (present > 0) line += fmt::format(", {} already there", present);
  if (failed > 0) line += fmt::format(", {} failed", failed);
  if (left > 0) line += fmt::format(", {} left for the next run", left);
  for (const auto& [reason, count] : reasons) line += fmt::format("; {} {}", count, reason);
  const char* between = "; noted: ";
  for (const auto& [note, count] : notes) line += fmt::format("{}{} {}", std::exchange(between, ", "), count, note);
  return line;
}

core::Exit CaseTally::exit() const {
  if (left > 0) return core::Exit::kInterrupted;
  if (added + present == 0) return core::Exit::kNothingUsable;
  return failed > 0 ? core::Exit::kSomeFailed : core::Exit::kDone;
}

void write_case_report(const std::filesystem::path& path, const std::vector<std::string>& ids,
                       const std::vector<CaseOutcome>& outcomes) {
  core::Table table{{"case", "status", "reason", "message"}, {}};
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    table.add({ids.at(i), name(outcomes[i].status), outcomes[i].reason, outcomes[i].message});
  }
  core::publish_file(path, core::to_csv(table));
}

void tell_failures(const std::vector<CaseOutcome>& outcomes) {
  constexpr std::int64_t kMost = 10;
  std::int64_t told = 0;
  for (const CaseOutcome& outcome : outcomes) {
    if (outcome.status == CaseOutcome::Status::kFailed && told++ < kMost) core::log_warn(outcome.message);
  }
  if (told > kMost) core::log_warn(fmt::format("and {} cases more", told - kMost));
}

}  // namespace pipelines
