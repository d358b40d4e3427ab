#include "pipelines/class_predictions.h"

#include <cmath>
#include <cstdlib>
#include <limits>

#include "core/error.h"
#include "evaluate/ranking.h"

namespace pipelines {
namespace {

double probability_in(const std::string& cell, std::size_t row, const std::string& column) {
  char* end = nullptr;
  const double value = std::strtod(cell.c_str(), &end);
  if (cell.empty() || *end != '\0' || !std::isfinite(value)) {
    throw core::usage_error("predictions row " + std::to_string(row + 2) + ": " + column + " is '" + cell + "'",
                            "a probability is a number; gadolin predict and finetune write this table");
  }
  return value;
}

// The cases drawn as what ranking.h takes.
struct Drawn {
  std::vector<double> probabilities;
  std::vector<int> truth;
};

Drawn drawn(std::span<const ClassifiedCase> cases, std::span<const std::size_t> picked) {
  Drawn result;
  for (const std::size_t i : picked) {
    result.probabilities.insert(result.probabilities.end(), cases[i].probabilities.begin(),
                                cases[i].probabilities.end());
    result.truth.push_back(*cases[i].truth);
  }
  return result;
}

}  // namespace

core::Table class_table(std::span<const ClassifiedCase> cases, std::size_t classes) {
  core::Table table{{"case", "patient", "truth"}, {}};
  for (std::size_t k = 0; k < classes; ++k) table.columns.push_back("p" + std::to_string(k));
  for (const ClassifiedCase& one : cases) {
    std::vector<std::string> row{one.id, one.patient, one.truth ? std::to_string(*one.truth) : ""};
    for (const double p : one.probabilities) row.push_back(core::fixed(p, 6));
    table.add(std::move(row));
  }
  return table;
}

std::vector<ClassifiedCase> classes_from(const core::Table& table) {
  const std::size_t id = table.column("case"), truth = table.column("truth");
  std::vector<std::size_t> columns;
  while (table.has_column("p" + std::to_string(columns.size())))
    columns.push_back(table.column("p" + std::to_string(columns.size())));
  if (columns.size() < 2)
    throw core::usage_error("the predictions have no columns p0 and p1", "one column of probabilities for each class");
  std::vector<ClassifiedCase> cases;
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    const auto& cells = table.rows[row];
    ClassifiedCase one{cells[id], table.has_column("patient") ? cells[table.column("patient")] : "", std::nullopt, {}};
    if (one.patient.empty()) one.patient = one.id;
    if (!cells[truth].empty()) one.truth = static_cast<int>(probability_in(cells[truth], row, "truth"));
    for (const std::size_t column : columns)
      one.probabilities.push_back(probability_in(cells[column], row, table.columns[column]));
    cases.push_back(std::move(one));
  }
  return cases;
}

ClassSummary class_summary(std::span<const ClassifiedCase> cases, const evaluate::BootstrapOptions& options) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  constexpr evaluate::Interval kUnknown{kNone, kNone, kNone};
  if (cases.empty()) return {kUnknown, kUnknown, kUnknown};
  std::vector<std::string> patients;
  int classes = 0;
  for (const ClassifiedCase& one : cases) {
    patients.push_back(one.patient);
    classes = static_cast<int>(one.probabilities.size());
    GADOLIN_CHECK(one.truth.has_value());
    if (*one.truth < 0 || *one.truth >= classes) {
      throw core::Error("case " + one.id + ": the truth is " + std::to_string(*one.truth) + ", the predictions know " +
                            std::to_string(classes) + " classes",
                        "classes count from 0; is this the scalar that was learned (--target)?");
    }
  }
  const auto over = [&](auto&& number) {
    return evaluate::bootstrap(
        patients, [&](auto picked) { return number(drawn(cases, picked)); }, options);
  };
  return {over([&](const Drawn& d) { return evaluate::auc_one_vs_rest(d.probabilities, d.truth, classes); }),
          over([&](const Drawn& d) {
            return evaluate::balanced_accuracy(evaluate::most_probable(d.probabilities, classes), d.truth);
          }),
          over([&](const Drawn& d) {
            return evaluate::accuracy(evaluate::most_probable(d.probabilities, classes), d.truth);
          })};
}

}  // namespace pipelines
