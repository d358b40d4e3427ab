// The numbers of a comparison, with intervals over patients.
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "core/error.h"
#include "evaluate/ranking.h"
#include "pipelines/report_runs.h"

namespace pipelines {
namespace {

// A number of some test cases (by position) of one run.
using Number = std::function<double(const Run&, std::span<const std::size_t>)>;

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

double mean_over_draws(const ArmOfRuns& arm, const Number& number, std::span<const std::size_t> chosen) {
  std::vector<double> values;
  for (const Run* run : arm.draws) values.push_back(number(*run, chosen));
  return mean_of_finite(values);
}

Measure measure(const Comparison& comparison, std::string name, int decimals, bool higher_is_better,
                const Number& number) {
  Measure measure{std::move(name), decimals, higher_is_better, {}, {}, {}};
  const std::vector<std::string> patients = patients_of(*comparison.arms.front().draws.front());
  std::vector<std::size_t> everyone(patients.size());
  for (std::size_t i = 0; i < everyone.size(); ++i) everyone[i] = i;
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

using Pick = double evaluate::LabelScores::*;

// The mean over the cases of one label's number.
Number of_label(Pick pick, std::size_t label) {
  return [pick, label](const Run& run, std::span<const std::size_t> chosen) {
    std::vector<double> values;
    for (const std::size_t at : chosen) values.push_back(run.scores[at].labels[label].*pick);
    return mean_of_finite(values);
  };
}

// The mean over the cases of the mean over their labels.
double mean_dice(const Run& run, std::span<const std::size_t> chosen) {
  std::vector<double> values;
  for (const std::size_t at : chosen) {
    std::vector<double> own;
    for (const auto& label : run.scores[at].labels) own.push_back(label.dice);
    values.push_back(mean_of_finite(own));
  }
  return mean_of_finite(values);
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
  const Number area = [classes](const Run& run, std::span<const std::size_t> chosen) {
    const std::vector<double> p = probabilities_of(run, chosen);
    if (classes != 2) return evaluate::auc_one_vs_rest(p, truth_of(run, chosen), classes);
    std::vector<double> positive;
    for (std::size_t i = 1; i < p.size(); i += 2) positive.push_back(p[i]);
    return evaluate::auc(positive, truth_of(run, chosen));
  };
  const Number balanced = [classes](const Run& run, std::span<const std::size_t> chosen) {
    return evaluate::balanced_accuracy(evaluate::most_probable(probabilities_of(run, chosen), classes),
                                       truth_of(run, chosen));
  };
  return {measure(comparison, "AUC", 3, true, area), measure(comparison, "balanced accuracy", 3, true, balanced)};
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
  std::vector<Measure> measures{measure(comparison, "mean Dice", 3, true, mean_dice)};
  const auto& labels = first.scores.front().labels;
  const auto add = [&](const std::string& what, const std::string& unit, int decimals, bool higher, Pick pick) {
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const auto name = first.record.label_names.find(labels[i].label);
      const std::string shown =
          name == first.record.label_names.end() ? "label " + std::to_string(labels[i].label) : name->second;
      measures.push_back(measure(comparison, what + " " + shown + unit, decimals, higher, of_label(pick, i)));
    }
  };
  add("Dice", "", 3, true, &evaluate::LabelScores::dice);
  add("surface Dice", "", 3, true, &evaluate::LabelScores::surface_dice);
  add("HD95", ", mm", 2, false, &evaluate::LabelScores::hd95_mm);
  add("ASSD", ", mm", 2, false, &evaluate::LabelScores::assd_mm);
  return measures;
}

}  // namespace pipelines
