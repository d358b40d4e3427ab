// The numbers of a comparison, with intervals over patients.
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "core/error.h"
#include "evaluate/ranking.h"
#include "pipelines/report_runs.h"

namespace pipelines {
namespace {

double mean_of_finite(std::span<const double> values) {
  double sum = 0, count = 0;
  for (const double value : values) {
    if (std::isfinite(value)) sum += value, ++count;
  }
  return count > 0 ? sum / count : std::numeric_limits<double>::quiet_NaN();
}

std::vector<std::string> patients_of(const Run& run) {
  std::vector<std::string> patients;
  for (const auto& one : run.scores) patients.push_back(one.patient);
  for (const auto& one : run.classes) patients.push_back(one.patient);
  return patients;
}

// A number that every test case has by itself.
using OfCase = std::function<double(const evaluate::CaseScores&)>;

std::vector<double> values_of(const Run& run, const OfCase& number) {
  std::vector<double> values;
  for (const evaluate::CaseScores& one : run.scores) values.push_back(number(one));
  return values;
}

// By case, the mean over the draws that have one.
std::vector<double> mean_over_draws(const ArmOfRuns& arm, const OfCase& number) {
  std::vector<double> means;
  for (std::size_t at = 0; at < arm.draws.front()->scores.size(); ++at) {
    std::vector<double> own;
    for (const Run* run : arm.draws) own.push_back(number(run->scores[at]));
    means.push_back(mean_of_finite(own));
  }
  return means;
}

Measure measure_of_cases(const Comparison& comparison, std::string name, int decimals, bool higher_is_better,
                         const OfCase& number) {
  Measure measure{std::move(name), decimals, higher_is_better, {}, {}, {}};
  const std::vector<std::string> patients = patients_of(*comparison.arms.front().draws.front());
  const std::vector<double> first = mean_over_draws(comparison.arms.front(), number);
  for (const ArmOfRuns& arm : comparison.arms) {
    const std::vector<double> own = mean_over_draws(arm, number);
    measure.arms.push_back(evaluate::bootstrap_mean(own, patients));
    measure.against_first.push_back(evaluate::bootstrap_difference(own, first, patients));
    measure.draws.emplace_back();
    for (const Run* run : arm.draws) measure.draws.back().push_back(mean_of_finite(values_of(*run, number)));
  }
  return measure;
}

OfCase over_labels(double evaluate::LabelScores::*score) {
  return [score](const evaluate::CaseScores& one) { return evaluate::mean_of_labels(one, score); };
}

// Structures that are in one of truth and prediction only, per cent: no distance can be told of them.
double missed_percent(const evaluate::CaseScores& one) {
  double missed = 0, counted = 0;
  for (const auto& label : one.labels) {
    if (std::isnan(label.dice)) continue;
    ++counted;
    missed += std::isinf(label.hd95_mm);
  }
  return counted > 0 ? 100 * missed / counted : std::numeric_limits<double>::quiet_NaN();
}

// A number of a set of cases (by position) of one run, which no case has by itself.
using OfCases = std::function<double(const Run&, std::span<const std::size_t>)>;

double mean_over_draws(const ArmOfRuns& arm, const OfCases& number, std::span<const std::size_t> chosen) {
  std::vector<double> values;
  for (const Run* run : arm.draws) values.push_back(number(*run, chosen));
  return mean_of_finite(values);
}

Measure measure_of_sets(const Comparison& comparison, std::string name, const OfCases& number) {
  Measure measure{std::move(name), 3, true, {}, {}, {}};
  const std::vector<std::string> patients = patients_of(*comparison.arms.front().draws.front());
  std::vector<std::size_t> everyone(patients.size());
  std::iota(everyone.begin(), everyone.end(), 0);
  for (const ArmOfRuns& arm : comparison.arms) {
    measure.arms.push_back(
        evaluate::bootstrap(patients, [&](std::span<const std::size_t> c) { return mean_over_draws(arm, number, c); }));
    measure.draws.emplace_back();
    for (const Run* run : arm.draws) measure.draws.back().push_back(number(*run, everyone));
    measure.against_first.push_back(evaluate::bootstrap(patients, [&](std::span<const std::size_t> c) {
      return mean_over_draws(arm, number, c) - mean_over_draws(comparison.arms.front(), number, c);
    }));
  }
  return measure;
}

std::vector<double> probabilities_of(const Run& run, std::span<const std::size_t> chosen) {
  std::vector<double> all;
  for (const std::size_t at : chosen)
    all.insert(all.end(), run.classes[at].probabilities.begin(), run.classes[at].probabilities.end());
  return all;
}

std::vector<int> truth_of(const Run& run, std::span<const std::size_t> chosen) {
  std::vector<int> all;
  for (const std::size_t at : chosen) all.push_back(run.classes[at].truth.value());
  return all;
}

std::vector<Measure> measures_of_classes(const Comparison& comparison) {
  const int classes = static_cast<int>(comparison.arms.front().draws.front()->classes.front().probabilities.size());
  const OfCases area = [classes](const Run& run, std::span<const std::size_t> chosen) {
    const std::vector<double> p = probabilities_of(run, chosen);
    if (classes != 2) return evaluate::auc_one_vs_rest(p, truth_of(run, chosen), classes);
    std::vector<double> positive;
    for (std::size_t i = 1; i < p.size(); i += 2) positive.push_back(p[i]);
    return evaluate::auc(positive, truth_of(run, chosen));
  };
  const OfCases balanced = [classes](const Run& run, std::span<const std::size_t> chosen) {
    return evaluate::balanced_accuracy(evaluate::most_probable(probabilities_of(run, chosen), classes),
                                       truth_of(run, chosen));
  };
  return {measure_of_sets(comparison, "AUC", area), measure_of_sets(comparison, "balanced accuracy", balanced)};
}

}  // namespace

std::vector<Measure> measures_of(const Comparison& comparison) {
  if (!comparison.dense()) return measures_of_classes(comparison);
  const Run& first = *comparison.arms.front().draws.front();
  for (const ArmOfRuns& arm : comparison.arms) {
    for (const Run* run : arm.draws) {
      for (std::size_t i = 0; i < first.scores.size(); ++i) {
        if (run->scores[i].labels.size() != first.scores[i].labels.size())
          throw core::Error("run " + run->folder.filename().string() + " was scored on other labels than the first");
      }
    }
  }
  using Scores = evaluate::LabelScores;
  std::vector<Measure> measures{
      measure_of_cases(comparison, "mean Dice", 3, true, over_labels(&Scores::dice)),
      measure_of_cases(comparison, "mean surface Dice", 3, true, over_labels(&Scores::surface_dice)),
      measure_of_cases(comparison, "mean HD95, mm", 2, false, over_labels(&Scores::hd95_mm)),
      measure_of_cases(comparison, "mean ASSD, mm", 2, false, over_labels(&Scores::assd_mm)),
      measure_of_cases(comparison, "structures missed, %", 1, false, missed_percent)};
  for (std::size_t i = 0; i < first.scores.front().labels.size(); ++i) {
    const int label = first.scores.front().labels[i].label;
    const auto name = first.record.label_names.find(label);
    const std::string shown = name == first.record.label_names.end() ? std::to_string(label) : name->second;
    measures.push_back(measure_of_cases(comparison, "Dice " + shown, 3, true,
                                        [i](const evaluate::CaseScores& one) { return one.labels[i].dice; }));
  }
  return measures;
}

}  // namespace pipelines
