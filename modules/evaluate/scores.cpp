#include "evaluate/scores.h"

#include <cmath>
#include <cstdlib>
#include <limits>
#include <set>

#include "core/error.h"
#include "evaluate/overlap.h"
#include "evaluate/surface.h"

namespace evaluate {
namespace {

constexpr double kAbsent = std::numeric_limits<double>::quiet_NaN();

struct Column {
  const char* name;
  double LabelScores::*score;
  Interval LabelSummary::*summary;
  int decimals;
};
constexpr Column kColumns[] = {{"dice", &LabelScores::dice, &LabelSummary::dice, 4},
                               {"surface_dice", &LabelScores::surface_dice, &LabelSummary::surface_dice, 4},
                               {"hd95_mm", &LabelScores::hd95_mm, &LabelSummary::hd95_mm, 2},
                               {"assd_mm", &LabelScores::assd_mm, &LabelSummary::assd_mm, 3}};

double number_of(const std::string& cell, const std::string& column, std::size_t row) {
  char* end = nullptr;
  const double value = std::strtod(cell.c_str(), &end);
  if (cell.empty() || *end != '\0') {
    throw core::usage_error("row " + std::to_string(row + 2) + ": " + column + " is '" + cell + "', not a number",
                            "a table of scores is what 'gadolin evaluate' writes");
  }
  return value;
}

int label_of(const std::string& cell, std::size_t row) {
  const double value = number_of(cell, "label", row);
  if (!(value >= 0 && value < 65536) || value != std::floor(value))
    throw core::usage_error("row " + std::to_string(row + 2) + ": label is '" + cell + "'", "labels are 0 to 65535");
  return static_cast<int>(value);
}

const LabelScores* find(const CaseScores& one, int label) {
  for (const LabelScores& scores : one.labels)
    if (scores.label == label) return &scores;
  return nullptr;
}

// One line of the summary; `score_of` gives NaN or infinity where a case has no such number.
template <class ScoreOf>
LabelSummary line_of(std::span<const CaseScores> cases, const BootstrapOptions& options, const ScoreOf& score_of) {
  std::vector<std::string> patients;
  for (const CaseScores& one : cases) patients.push_back(one.patient.empty() ? one.id : one.patient);
  LabelSummary line;
  for (const Column& column : kColumns) {
    std::vector<double> values;
    for (const CaseScores& one : cases) {
      const double value = score_of(one, column.score);
      values.push_back(std::isfinite(value) ? value : kAbsent);
    }
    line.*column.summary = bootstrap_mean(values, patients, options);
  }
  for (const CaseScores& one : cases) line.cases += std::isfinite(score_of(one, &LabelScores::dice)) ? 1 : 0;
  return line;
}

std::int64_t missed_of(const CaseScores& one, int label) {
  const LabelScores* scores = find(one, label);
  return scores != nullptr && std::isinf(scores->hd95_mm) ? 1 : 0;
}

std::string name_of(const LabelNames& names, int label) {
  const auto found = names.find(label);
  return found == names.end() ? "" : found->second;
}

}  // namespace

std::vector<LabelScores> score_labels(const volume::Volume& prediction, const volume::Volume& truth,
                                      std::span<const int> labels, double tolerance_mm, int threads) {
  const std::vector<Overlap> shared = overlaps(prediction, truth, labels);
  std::vector<LabelScores> result;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const SurfaceScores surface = surface_scores(prediction, truth, labels[i], tolerance_mm, threads);
    result.push_back({labels[i], shared[i].dice(), surface.surface_dice, surface.hd95_mm, surface.assd_mm});
  }
  return result;
}

double mean_of_labels(const CaseScores& one, double LabelScores::*score) {
  double sum = 0;
  int counted = 0;
  for (const LabelScores& scores : one.labels) {
    if (!std::isfinite(scores.*score)) continue;
    sum += scores.*score;
    ++counted;
  }
  return counted == 0 ? kAbsent : sum / counted;
}

core::Table scores_table(std::span<const CaseScores> cases, const LabelNames& names) {
  core::Table table{{"case", "patient", "label", "name"}, {}};
  for (const Column& column : kColumns) table.columns.emplace_back(column.name);
  for (const CaseScores& one : cases) {
    for (const LabelScores& scores : one.labels) {
      std::vector<std::string> row{one.id, one.patient, std::to_string(scores.label), name_of(names, scores.label)};
      for (const Column& column : kColumns) row.push_back(core::shortest(scores.*column.score));
      table.add(std::move(row));
    }
  }
  return table;
}

std::vector<CaseScores> scores_from(const core::Table& table) {
  const std::size_t id = table.column("case"), patient = table.column("patient"), label = table.column("label");
  std::vector<CaseScores> cases;
  std::map<std::string, std::size_t> place;
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    const auto& cells = table.rows[row];
    const auto [at, fresh] = place.emplace(cells[id], cases.size());
    if (fresh) cases.push_back({cells[id], cells[patient], {}});
    LabelScores scores;
    scores.label = label_of(cells[label], row);
    for (const Column& column : kColumns)
      scores.*column.score = number_of(cells[table.column(column.name)], column.name, row);
    cases[at->second].labels.push_back(scores);
  }
  return cases;
}

std::vector<LabelSummary> summarise(std::span<const CaseScores> cases, const LabelNames& names,
                                    const BootstrapOptions& options) {
  std::set<int> labels;
  for (const CaseScores& one : cases)
    for (const LabelScores& scores : one.labels) labels.insert(scores.label);
  std::vector<LabelSummary> summary;
  std::int64_t missed = 0;
  for (const int label : labels) {
    summary.push_back(line_of(cases, options, [&](const CaseScores& one, double LabelScores::*score) {
      const LabelScores* scores = find(one, label);
      return scores == nullptr ? kAbsent : scores->*score;
    }));
    summary.back().label = label;
    summary.back().name = name_of(names, label);
    for (const CaseScores& one : cases) summary.back().missed += missed_of(one, label);
    missed += summary.back().missed;
  }
  if (labels.size() < 2) return summary;
  summary.push_back(line_of(cases, options, mean_of_labels));
  summary.back().name = "mean";
  summary.back().missed = missed;
  return summary;
}

core::Table summary_table(std::span<const LabelSummary> summary) {
  core::Table table{{"label", "name", "cases", "missed"}, {}};
  for (const Column& column : kColumns) table.columns.emplace_back(column.name);
  for (const LabelSummary& line : summary) {
    std::vector<std::string> row{line.label == 0 ? "" : std::to_string(line.label), line.name,
                                 std::to_string(line.cases), std::to_string(line.missed)};
    for (const Column& column : kColumns) {
      const Interval& interval = line.*column.summary;
      std::string cell = core::fixed(interval.value, column.decimals);
      if (!std::isnan(interval.low)) {
        cell += " [" + core::fixed(interval.low, column.decimals) + ", " + core::fixed(interval.high, column.decimals);
        cell += "]";
      }
      row.push_back(std::isnan(interval.value) ? "-" : cell);
    }
    table.add(std::move(row));
  }
  return table;
}

}  // namespace evaluate
