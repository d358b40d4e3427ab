#include "pipelines/report_runs.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "core/table.h"
#include "train/metrics.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

std::string text_of(const json::object& object, const char* key) {
  const json::value* found = object.if_contains(key);
  return found != nullptr && found->is_string() ? std::string(found->as_string()) : "";
}

double number_of(const json::object& object, const char* key) {
  const json::value* found = object.if_contains(key);
  return found != nullptr && found->is_number() ? found->to_number<double>() : 0.0;
}

// "scratch", or the name of the run whose checkpoint was taken.
std::string arm_of(const json::object& summary) {
  const fs::path init = text_of(summary, "init");
  const fs::path run = init.extension() == ".gadolin" ? init.parent_path() : init;
  const std::string name = run.filename().empty() ? run.parent_path().filename().string() : run.filename().string();
  return text_of(summary, "mode") == "frozen" ? name + ", frozen" : name;
}

void read_summary(Run& run) {
  const json::value parsed = json::parse(core::read_text(run.folder / "summary.json"));
  const json::object& summary = parsed.as_object();
  run.task = text_of(summary, "task");
  if (!run.record.target.empty()) run.task += " of " + run.record.target;
  run.arm = arm_of(summary);
  run.labelled = static_cast<std::int64_t>(number_of(summary, "labels"));
  run.draw = static_cast<std::int64_t>(number_of(summary, "draw"));
  run.learning_rate = number_of(summary, "learning_rate");
  const json::value* tried = summary.if_contains("choice");
  if (tried == nullptr || !tried->is_array()) return;
  for (const json::value& one : tried->as_array()) {
    run.candidates.emplace_back(core::shortest(number_of(one.as_object(), "learning_rate")),
                                number_of(one.as_object(), "score"));
  }
}

std::set<std::string> case_ids(const Run& run) {
  std::set<std::string> ids;
  for (const auto& one : run.scores) ids.insert(one.id);
  for (const auto& one : run.classes) ids.insert(one.id);
  return ids;
}

}  // namespace

Run read_run(const fs::path& folder) {
  return core::with_context("read run " + folder.filename().string(), [&] {
    Run run;
    run.folder = folder;
    run.record = read_record(folder);
    if (fs::exists(folder / "metrics.csv")) run.metrics = train::read_metrics(folder / "metrics.csv");
    if (fs::exists(folder / "timings.csv")) run.timings = train::read_metrics(folder / "timings.csv");
    try {
      if (fs::exists(folder / "summary.json")) read_summary(run);
    } catch (const core::Error&) {
      throw;
    } catch (const std::exception&) {
      throw core::Error("summary.json cannot be read", "run gadolin finetune again: it goes on where it ended");
    }
    if (fs::exists(folder / "scores.csv")) {
      run.scores = evaluate::scores_from(core::read_csv(folder / "scores.csv"));
      std::sort(run.scores.begin(), run.scores.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
    }
    if (fs::exists(folder / "predictions.csv")) {
      run.classes = classes_from(core::read_csv(folder / "predictions.csv"));
      std::sort(run.classes.begin(), run.classes.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
    }
    return run;
  });
}

std::size_t Comparison::cases() const { return case_ids(*arms.front().draws.front()).size(); }

std::vector<Comparison> compare(const std::vector<Run>& runs) {
  std::vector<Comparison> all;
  for (const Run& run : runs) {
    if (run.scores.empty() && run.classes.empty()) continue;
    auto found = std::find_if(all.begin(), all.end(),
                              [&](const Comparison& c) { return c.task == run.task && c.labelled == run.labelled; });
    if (found == all.end()) {
      all.push_back({run.task, run.labelled, {}, {}});
      found = all.end() - 1;
    }
    if (!found->arms.empty() && case_ids(*found->arms.front().draws.front()) != case_ids(run)) {
      throw core::Error(
          fmt::format("runs {} and {} were scored on different test cases",
                      found->arms.front().draws.front()->folder.filename().string(), run.folder.filename().string()),
          "compare runs of one --split only");
    }
    const auto arm = std::find_if(found->arms.begin(), found->arms.end(),
                                  [&](const ArmOfRuns& each) { return each.name == run.arm; });
    if (arm == found->arms.end()) {
      found->arms.push_back({run.arm, {&run}});
    } else {
      arm->draws.push_back(&run);
    }
  }
  for (Comparison& comparison : all) {
    std::stable_sort(comparison.arms.begin(), comparison.arms.end(), [](const ArmOfRuns& a, const ArmOfRuns& b) {
      return (a.name == "scratch") > (b.name == "scratch");
    });
  }
  for (Comparison& comparison : all) comparison.measures = measures_of(comparison);
  return all;
}

}  // namespace pipelines
