#pragma once
// predictions.csv of a classification: case,patient,truth,p0,p1,...; truth is empty where nobody knows it.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/table.h"
#include "evaluate/bootstrap.h"

namespace pipelines {

struct ClassifiedCase {
  std::string id, patient;
  std::optional<int> truth;
  std::vector<double> probabilities;
};

core::Table class_table(std::span<const ClassifiedCase> cases, std::size_t classes);
// Throws usage Error naming the row and what is wrong in it.
std::vector<ClassifiedCase> classes_from(const core::Table& table);

struct ClassSummary {
  evaluate::Interval auc, balanced_accuracy, accuracy;
};
// Of cases that all have a truth; AUC is the mean of one class against the rest. Throws Error when a truth is no class.
ClassSummary class_summary(std::span<const ClassifiedCase> cases, const evaluate::BootstrapOptions& options);

}  // namespace pipelines
