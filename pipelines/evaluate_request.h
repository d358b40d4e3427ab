#pragma once
// What gadolin evaluate was asked for; evaluate.cpp reads it from the command line, the two others do it.

#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "core/error.h"
#include "evaluate/bootstrap.h"

namespace pipelines {

struct EvaluateRequest {
  std::string predictions, truth, out, target = "class", split, set = "test", layout = "auto";
  std::vector<std::string> labels, cases;
  double tolerance_mm = 1;
  int workers = 0;
  evaluate::BootstrapOptions bootstrap;
  bool json = false;
};

// One row a case of the report beside --out: case, status (scored, failed, missing), message.
struct CaseVerdict {
  std::string id, status, message;
};
struct EvaluateCounts {
  std::int64_t scored = 0, failed = 0, missing = 0, extra = 0;
};
// Writes OUT_report.csv (scores.csv -> scores_report.csv) and counts; warns of the first few failures.
EvaluateCounts tell_outcomes(const EvaluateRequest& request, const std::vector<CaseVerdict>& outcomes);
// Exit code: nothing scored, some failed, or a case missing that was asked for by name or split.
core::Exit exit_of(const EvaluateRequest& request, const EvaluateCounts& counts);
// "3 cases scored, 1 failed (why: FILE), ..." on stdout.
void tell_counts(const EvaluateRequest& request, const EvaluateCounts& counts);

boost::json::object json_of(const evaluate::Interval& interval);  // null for what is no number
boost::json::object json_of(const EvaluateCounts& counts);

core::Exit evaluate_maps(const EvaluateRequest& request);     // PREDICTIONS are label maps
core::Exit evaluate_classes(const EvaluateRequest& request);  // PREDICTIONS is predictions.csv

}  // namespace pipelines
