// gadolin evaluate for label maps.
#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <limits>
#include <map>
#include <set>

#include "core/files.h"
#include "core/parallel.h"
#include "core/progress.h"
#include "evaluate/overlap.h"
#include "evaluate/scores.h"
#include "pipelines/case_source.h"
#include "pipelines/evaluate_request.h"

namespace pipelines {
namespace {

using evaluate::CaseScores;
using evaluate::LabelNames;

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

// "1" or "1=liver" each.
LabelNames labels_given(const std::vector<std::string>& words, const LabelNames& known) {
  LabelNames labels;
  for (const std::string& word : words) {
    const std::size_t cut = word.find('=');
    const std::string number = word.substr(0, cut);
    if (number.empty() || number.size() > 5 || number.find_first_not_of("0123456789") != std::string::npos ||
        std::stoi(number) < 1 || std::stoi(number) > 65535) {
      throw core::usage_error("--labels " + word + " is not NUMBER or NUMBER=NAME", "for example --labels 1=liver,2");
    }
    const int label = std::stoi(number);
    const auto found = known.find(label);
    labels[label] = cut != std::string::npos ? word.substr(cut + 1) : found != known.end() ? found->second : "";
  }
  return labels;
}

// Places of one case in both sources.
struct Pair {
  std::string id, patient;
  std::size_t prediction = 0, truth = 0;
};

struct Pairs {
  std::vector<Pair> pairs;
  std::vector<CaseVerdict> missing;
  std::int64_t extra = 0;
};

Pairs paired(const EvaluateRequest& request, const CaseSource& predictions, const CaseSource& truth) {
  std::map<std::string, std::size_t> predicted;
  for (std::size_t i = 0; i < predictions.cases().size(); ++i) predicted[predictions.cases()[i].id] = i;
  Pairs result;
  std::set<std::string> known;
  for (const KnownCase& one : truth.cases()) known.insert(one.id);
  for (const auto& [id, at] : predicted) result.extra += known.count(id) == 0 ? 1 : 0;
  for (const std::size_t at : cases_asked_for(truth, request.cases, request.split, request.set)) {
    const KnownCase& one = truth.cases()[at];
    const auto found = predicted.find(one.id);
    if (!one.labelled) {
      if (found != predicted.end())
        result.missing.push_back({one.id, "failed", "case " + one.id + ": no label map in the truth"});
    } else if (found == predicted.end()) {
      result.missing.push_back({one.id, "missing", "case " + one.id + ": no prediction"});
    } else {
      result.pairs.push_back({one.id, one.patient, found->second, at});
    }
  }
  return result;
}

struct Scored {
  std::vector<CaseScores> cases;
  std::vector<CaseVerdict> outcomes;
};

CaseScores score_pair(const EvaluateRequest& request, const CaseSource& predictions, const CaseSource& truth,
                      const Pair& pair, const LabelNames& names) {
  const volume::Volume mine = core::with_context("prediction", [&] { return predictions.label_map(pair.prediction); });
  const volume::Volume theirs = core::with_context("truth", [&] { return truth.label_map(pair.truth); });
  evaluate::check_same_grid(mine, theirs);
  std::set<int> labels;
  for (const auto& [label, name] : names)
    if (label > 0) labels.insert(label);
  if (names.empty()) {
    for (const volume::Volume* map : {&mine, &theirs})
      for (const int label : evaluate::labels_in(*map)) labels.insert(label);
  }
  const std::vector<int> list(labels.begin(), labels.end());
  return {pair.id, pair.patient, evaluate::score_labels(mine, theirs, list, request.tolerance_mm)};
}

Scored score_all(const EvaluateRequest& request, const CaseSource& predictions, const CaseSource& truth,
                 const Pairs& pairs, const LabelNames& names) {
  const std::size_t count = pairs.pairs.size();
  std::vector<CaseScores> scores(count);
  std::vector<CaseVerdict> outcomes(count);
  core::Progress progress("evaluate", "cases", static_cast<std::int64_t>(count));
  core::parallel_for(static_cast<std::int64_t>(count), request.workers, [&](std::int64_t i) {
    const std::size_t at = static_cast<std::size_t>(i);
    const Pair& pair = pairs.pairs[at];
    outcomes[at] = {pair.id, "scored", ""};
    try {
      core::with_context("case " + pair.id, [&] { scores[at] = score_pair(request, predictions, truth, pair, names); });
    } catch (const core::Error& error) {
      outcomes[at] = {pair.id, "failed", error.what()};
    }
    progress.advance();
  });
  Scored scored;
  for (std::size_t i = 0; i < count; ++i)
    if (outcomes[i].status == "scored") scored.cases.push_back(std::move(scores[i]));
  scored.outcomes = std::move(outcomes);
  scored.outcomes.insert(scored.outcomes.end(), pairs.missing.begin(), pairs.missing.end());
  std::sort(scored.outcomes.begin(), scored.outcomes.end(),
            [](const CaseVerdict& a, const CaseVerdict& b) { return a.id < b.id; });
  return scored;
}

// Every case gets a row for every label, also where neither map shows it.
void complete(std::vector<CaseScores>& cases) {
  std::set<int> labels;
  for (const CaseScores& one : cases)
    for (const auto& scores : one.labels) labels.insert(scores.label);
  for (CaseScores& one : cases) {
    for (const int label : labels) {
      const auto same = [&](const evaluate::LabelScores& scores) { return scores.label == label; };
      if (std::none_of(one.labels.begin(), one.labels.end(), same))
        one.labels.push_back({label, kNothing, kNothing, kNothing, kNothing});
    }
    std::sort(one.labels.begin(), one.labels.end(), [](const auto& a, const auto& b) { return a.label < b.label; });
  }
}

boost::json::object json_of_label(const evaluate::LabelSummary& line) {
  return {{"label", line.label},
          {"name", line.name},
          {"cases", line.cases},
          {"missed", line.missed},
          {"dice", json_of(line.dice)},
          {"surface_dice", json_of(line.surface_dice)},
          {"hd95_mm", json_of(line.hd95_mm)},
          {"assd_mm", json_of(line.assd_mm)}};
}

}  // namespace

core::Exit evaluate_maps(const EvaluateRequest& request) {
  const auto truth = open_cases(request.truth, request.layout), predictions = open_cases(request.predictions);
  const LabelNames& known = truth->label_names().empty() ? predictions->label_names() : truth->label_names();
  const LabelNames names = request.labels.empty() ? known : labels_given(request.labels, known);
  const Pairs pairs = paired(request, *predictions, *truth);
  Scored scored = score_all(request, *predictions, *truth, pairs, names);
  complete(scored.cases);
  core::publish_file(request.out, std::string_view(core::to_csv(evaluate::scores_table(scored.cases, names))));
  EvaluateCounts counts = tell_outcomes(request, scored.outcomes);
  counts.extra = pairs.extra;
  const auto summary = evaluate::summarise(scored.cases, names, request.bootstrap);
  if (request.json) {
    boost::json::array labels;
    for (const evaluate::LabelSummary& line : summary) labels.push_back(json_of_label(line));
    boost::json::object all = json_of(counts);
    all["tolerance_mm"] = request.tolerance_mm;
    all["confidence"] = request.bootstrap.confidence;
    all["labels"] = std::move(labels);
    std::printf("%s\n", boost::json::serialize(all).c_str());
  } else {
    std::printf("%s", core::to_text(evaluate::summary_table(summary)).c_str());
    tell_counts(request, counts);
  }
  return exit_of(request, counts);
}

}  // namespace pipelines
