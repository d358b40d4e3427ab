// gadolin evaluate: predictions against the truth; a number without its interval is not told.
#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "core/files.h"
#include "core/log.h"
#include "core/parallel.h"
#include "core/table.h"
#include "pipelines/command.h"
#include "pipelines/evaluate_request.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;

fs::path report_path(const EvaluateRequest& request) {
  const fs::path out = request.out;
  return out.parent_path() / (out.stem().string() + "_report.csv");
}

std::int64_t with_status(const std::vector<CaseVerdict>& outcomes, const char* status) {
  return std::count_if(outcomes.begin(), outcomes.end(), [&](const CaseVerdict& o) { return o.status == status; });
}

bool classes_are_told(const fs::path& predictions) {
  return (fs::is_regular_file(predictions) && predictions.extension() == ".csv") ||
         fs::is_regular_file(predictions / "predictions.csv");
}

core::Exit evaluate_command_run(const EvaluateRequest& given) {
  EvaluateRequest request = given;
  if (request.workers <= 0) request.workers = core::usable_processors();
  request.bootstrap.threads = request.workers;
  if (!(request.tolerance_mm >= 0)) throw core::usage_error("--tolerance-mm is below 0");
  if (!fs::exists(request.predictions))
    throw core::usage_error("there is no " + request.predictions, "gadolin predict writes such a folder");
  if (classes_are_told(request.predictions)) return evaluate_classes(request);
  if (request.truth.empty())
    throw core::usage_error("no truth is named", "gadolin evaluate PREDICTIONS TRUTH: a store, a folder or a table");
  return evaluate_maps(request);
}

std::function<core::Exit()> attach_evaluate(CLI::App& app) {
  auto request = std::make_shared<EvaluateRequest>();
  app.add_option("PREDICTIONS", request->predictions, "folder of label maps, or predictions.csv")->required();
  app.add_option("TRUTH", request->truth, "store, folder or table; may be left out when predictions.csv tells it");
  app.add_option("--out", request->out, "table of scores to be written")->required()->type_name("scores.csv");
  app.add_option("--labels", request->labels, "classes to score, NUMBER or NUMBER=NAME; default: those of the truth")
      ->delimiter(',')
      ->type_name("LABEL");
  app.add_option("--tolerance-mm", request->tolerance_mm, "of surface Dice")->capture_default_str();
  app.add_option("--target", request->target, "scalar of the truth that says a case's class")->capture_default_str();
  app.add_option("--cases", request->cases, "only these")->delimiter(',')->type_name("ID");
  app.add_option("--split", request->split, "table with columns case and set; only the cases of --test-set");
  app.add_option("--test-set", request->set, "set of the split")->capture_default_str();
  app.add_option("--layout", request->layout, "how the truth is laid out, when it is no store")->capture_default_str();
  app.add_option("--resamples", request->bootstrap.resamples, "of the bootstrap over patients")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  app.add_option("--confidence", request->bootstrap.confidence, "of the intervals")
      ->check(CLI::Range(0.01, 0.9999))
      ->capture_default_str();
  app.add_option("--seed", request->bootstrap.seed, "of the bootstrap")->capture_default_str();
  app.add_option("--workers", request->workers, "cases at once; 0 = as many as processors")->capture_default_str();
  app.add_flag("--json", request->json, "the summary as JSON on stdout");
  return [request] { return evaluate_command_run(*request); };
}

}  // namespace

EvaluateCounts tell_outcomes(const EvaluateRequest& request, const std::vector<CaseVerdict>& outcomes) {
  core::Table table{{"case", "status", "message"}, {}};
  constexpr int kMost = 10;
  int told = 0;
  for (const CaseVerdict& outcome : outcomes) {
    table.add({outcome.id, outcome.status, outcome.message});
    if (outcome.status == "failed" && told++ < kMost) core::log_warn(outcome.message);
  }
  if (told > kMost) core::log_warn("and " + std::to_string(told - kMost) + " cases more");
  core::publish_file(report_path(request), std::string_view(core::to_csv(table)));
  return {with_status(outcomes, "scored"), with_status(outcomes, "failed"), with_status(outcomes, "missing"), 0};
}

core::Exit exit_of(const EvaluateRequest& request, const EvaluateCounts& counts) {
  if (counts.scored == 0) return core::Exit::kNothingUsable;
  const bool chosen = !request.cases.empty() || !request.split.empty();
  return counts.failed > 0 || (chosen && counts.missing > 0) ? core::Exit::kSomeFailed : core::Exit::kDone;
}

void tell_counts(const EvaluateRequest& request, const EvaluateCounts& counts) {
  std::string line = std::to_string(counts.scored) + " cases scored";
  if (counts.failed > 0) line += ", " + std::to_string(counts.failed) + " failed";
  if (counts.missing > 0) line += ", " + std::to_string(counts.missing) + " of the truth have no prediction";
  if (counts.extra > 0) line += ", " + std::to_string(counts.extra) + " predictions have no truth";
  std::printf("%s; %s\n", line.c_str(), request.out.c_str());
  if (counts.failed + counts.missing > 0) std::printf("why: %s\n", report_path(request).c_str());
}

boost::json::object json_of(const evaluate::Interval& interval) {
  const auto number = [](double value) { return std::isfinite(value) ? boost::json::value(value) : nullptr; };
  return {{"value", number(interval.value)}, {"low", number(interval.low)}, {"high", number(interval.high)}};
}

boost::json::object json_of(const EvaluateCounts& counts) {
  return {{"scored", counts.scored}, {"failed", counts.failed}, {"missing", counts.missing}, {"extra", counts.extra}};
}

extern const Command evaluate_command;
const Command evaluate_command{"evaluate", "predictions against the truth, with intervals over patients",
                               "  gadolin evaluate predictions/ cohort.store --out scores.csv\n"
                               "  gadolin evaluate predictions/ labelsTr/ --labels 1=anterior,2=posterior --out s.csv\n"
                               "  gadolin evaluate runs/grade/predictions.csv --out s.csv\n",
                               attach_evaluate};

}  // namespace pipelines
