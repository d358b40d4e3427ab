// gadolin evaluate for a classification.
#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <set>

#include "core/files.h"
#include "evaluate/ranking.h"
#include "pipelines/case_source.h"
#include "pipelines/class_predictions.h"
#include "pipelines/evaluate_request.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;

struct Compared {
  std::vector<ClassifiedCase> cases;  // whose truth is known
  std::vector<CaseVerdict> outcomes;
  std::int64_t extra = 0;
};

bool asked_for(const EvaluateRequest& request, const std::string& id) {
  return request.cases.empty() || std::find(request.cases.begin(), request.cases.end(), id) != request.cases.end();
}

// The truth that the table itself tells.
Compared as_told(const EvaluateRequest& request, std::vector<ClassifiedCase> predictions) {
  Compared result;
  for (ClassifiedCase& one : predictions) {
    if (!asked_for(request, one.id)) continue;
    if (one.truth) {
      result.outcomes.push_back({one.id, "scored", ""});
      result.cases.push_back(std::move(one));
    } else {
      result.outcomes.push_back({one.id, "failed", "case " + one.id + ": the table tells no truth"});
    }
  }
  return result;
}

Compared with_truth(const EvaluateRequest& request, std::vector<ClassifiedCase> predictions) {
  const auto truth = open_cases(request.truth, request.layout);
  std::map<std::string, ClassifiedCase*> predicted;
  for (ClassifiedCase& one : predictions) predicted[one.id] = &one;
  Compared result;
  std::set<std::string> known;
  for (const KnownCase& one : truth->cases()) known.insert(one.id);
  for (const auto& [id, one] : predicted) result.extra += known.count(id) == 0 ? 1 : 0;
  for (const std::size_t at : cases_asked_for(*truth, request.cases, request.split, request.set)) {
    const KnownCase& one = truth->cases()[at];
    const auto found = predicted.find(one.id);
    const auto value = one.scalars.find(request.target);
    if (found == predicted.end()) {
      result.outcomes.push_back({one.id, "missing", "case " + one.id + ": no prediction"});
    } else if (value == one.scalars.end() || value->second != std::floor(value->second)) {
      result.outcomes.push_back(
          {one.id, "failed", "case " + one.id + ": the truth has no whole number '" + request.target + "' (--target)"});
    } else {
      found->second->truth = static_cast<int>(value->second);
      found->second->patient = one.patient;
      result.outcomes.push_back({one.id, "scored", ""});
      result.cases.push_back(*found->second);
    }
  }
  return result;
}

// case,patient,truth,predicted,probability (of the predicted class).
core::Table decided(const std::vector<ClassifiedCase>& cases) {
  core::Table table{{"case", "patient", "truth", "predicted", "probability"}, {}};
  for (const ClassifiedCase& one : cases) {
    const int k = evaluate::most_probable(one.probabilities, static_cast<int>(one.probabilities.size())).front();
    table.add({one.id, one.patient, std::to_string(*one.truth), std::to_string(k),
               core::shortest(one.probabilities[static_cast<std::size_t>(k)])});
  }
  return table;
}

std::string told(const evaluate::Interval& interval) {
  const std::string value = core::fixed(interval.value, 4);
  if (std::isnan(interval.low)) return value;
  return value + " [" + core::fixed(interval.low, 4) + ", " + core::fixed(interval.high, 4) + "]";
}

}  // namespace

core::Exit evaluate_classes(const EvaluateRequest& request) {
  const fs::path given = request.predictions, file = fs::is_directory(given) ? given / "predictions.csv" : given;
  std::vector<ClassifiedCase> predictions = classes_from(core::read_csv(file));
  Compared compared =
      request.truth.empty() ? as_told(request, std::move(predictions)) : with_truth(request, std::move(predictions));
  const ClassSummary summary = class_summary(compared.cases, request.bootstrap);
  core::publish_file(request.out, std::string_view(core::to_csv(decided(compared.cases))));
  EvaluateCounts counts = tell_outcomes(request, compared.outcomes);
  counts.extra = compared.extra;
  if (request.json) {
    boost::json::object all = json_of(counts);
    all["confidence"] = request.bootstrap.confidence;
    all["auc"] = json_of(summary.auc);
    all["balanced_accuracy"] = json_of(summary.balanced_accuracy);
    all["accuracy"] = json_of(summary.accuracy);
    std::printf("%s\n", boost::json::serialize(all).c_str());
  } else {
    const core::Table table{{"auc", "balanced accuracy", "accuracy", "cases"},
                            {{told(summary.auc), told(summary.balanced_accuracy), told(summary.accuracy),
                              std::to_string(compared.cases.size())}}};
    std::printf("%s", core::to_text(table).c_str());
    tell_counts(request, counts);
  }
  return exit_of(request, counts);
}

}  // namespace pipelines
