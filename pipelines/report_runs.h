#pragma once
// What `gadolin report` knows of run folders, and how it sets them beside each other.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "evaluate/bootstrap.h"
#include "evaluate/scores.h"
#include "pipelines/class_predictions.h"
#include "pipelines/run_record.h"

namespace pipelines {

struct Run {
  std::filesystem::path folder;
  RunRecord record;
  std::map<std::string, std::vector<std::pair<std::int64_t, double>>> metrics;  // of metrics.csv, by name
  std::map<std::string, std::vector<std::pair<std::int64_t, double>>> timings;  // of timings.csv
  std::vector<evaluate::CaseScores> scores;                                     // of a segmentation
  std::vector<ClassifiedCase> classes;                                          // of a classification
  // What a fine-tuning says of itself.
  std::string task, arm;  // "segmentation"; "scratch", "mae", "mae (frozen)"
  std::int64_t labelled = 0, draw = 0;
  double learning_rate = 0;
  std::vector<std::pair<std::string, double>> candidates;  // learning rate tried -> its score inside the labelled cases
};

// Throws Error when the folder is no run's.
Run read_run(const std::filesystem::path& folder);

// Runs that differ in the draw of the labelled cases only. The number of a case is its mean over the draws.
struct ArmOfRuns {
  std::string name;
  std::vector<const Run*> draws;
};

// A number with its interval over patients.
struct Measure {
  std::string name;  // "mean Dice", "Dice of liver", "AUC", "structures missed, %"
  int decimals = 3;
  bool higher_is_better = true;
  std::vector<evaluate::Interval> arms;           // by arm
  std::vector<std::vector<double>> draws;         // by arm and draw
  std::vector<evaluate::Interval> against_first;  // arm minus the first arm, paired by patient; [0] unused
};

// Arms that may be compared: one task, one number of labelled cases, one set of test cases.
struct Comparison {
  std::string task;
  std::int64_t labelled = 0;
  std::vector<ArmOfRuns> arms;    // scratch first
  std::vector<Measure> measures;  // the one that is told first in front

  bool dense() const { return !arms.front().draws.front()->scores.empty(); }
  std::size_t cases() const;
};

// Refers to `runs`. Throws Error when arms of one task were scored on different test cases or labels.
std::vector<Comparison> compare(const std::vector<Run>& runs);

// What compare() fills in.
std::vector<Measure> measures_of(const Comparison& comparison);

}  // namespace pipelines
