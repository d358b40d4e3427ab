#pragma once
// What a study found: its finished cells as curves over the number of labelled cases, with intervals.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/table.h"
#include "evaluate/label_curve.h"
#include "pipelines/study_grid.h"

namespace pipelines {

// OUT/study.json.
struct StudyHead {
  std::string claimed, task, settings;
  double minutes_per_case = 0;
  std::vector<std::string> arms;  // scratch first
  std::vector<std::int64_t> budgets;
  std::vector<StudyCell> cells;
};
// Throws Error when the folder holds no study.
StudyHead read_head(const std::filesystem::path& folder);

// An arm at a budget.
struct StudyPoint {
  std::int64_t budget = 0;
  std::vector<std::int64_t> draws;  // that count: every arm finished them
  evaluate::CurvePoint curve;       // beside scratch
  double corrected = 1;             // curve.probability after as many questions as the table asks (Holm)
  std::vector<std::pair<std::string, double>> parts;  // mean Dice by structure, in the order of labels
  double seconds = 0;                                 // of a fine-tuning, mean; search of the learning rate included
  double pretraining_seconds = 0;                     // of the pretraining behind it, mean
};
struct StudyCurve {
  std::string arm;
  std::vector<StudyPoint> points;  // by budget
  double mean_rank = 0;            // over budgets and draws, 1 is best
};
struct StudyTable {
  std::string score;  // "mean Dice", "AUC"
  std::vector<StudyCurve> curves;
  std::size_t patients = 0, cases = 0;
  std::vector<std::string> failed;   // "mae, 8 labels, draw 2: ..."
  std::vector<std::string> missing;  // cells that nobody has finished
};

// Cells are looked for in each of the folders. Budgets of which no draw is whole are left out. Throws Error when
// nothing is, and when cells were scored on different test cases.
StudyTable study_table(const StudyHead& head, const std::vector<std::filesystem::path>& cells,
                       const evaluate::BootstrapOptions& options = {});

// "with 8 labels mae reaches 0.861 ...": one sentence an arm and budget, the claimed arm first and the others said to
// be exploratory.
std::vector<std::string> findings_of(const StudyHead& head, const StudyTable& table);
// "1.9 [1.2, > 4]".
std::string factor_text(const evaluate::LabelsSaved& saved);

// One row an arm and budget, for people.
core::Table rows_of(const StudyHead& head, const StudyTable& table);
// One row a cell, for scripts: arm, budget, draw, score, learning rate, seconds, failed, hash.
core::Table cells_table(const StudyHead& head, const std::vector<std::filesystem::path>& cells);
// Curves with bands as SVG.
std::string curves_svg(const StudyTable& table, const std::string& title);

}  // namespace pipelines
