#pragma once
// What is said of a segmented case, the table of it (scores.csv), and the summary over patients.

#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/table.h"
#include "evaluate/bootstrap.h"
#include "volume/volume.h"

namespace evaluate {

struct LabelScores {
  int label = 0;
  double dice = 0;          // overlap.h; NaN = absent from both maps, not counted
  double surface_dice = 0;  // surface.h
  double hd95_mm = 0;       // infinite = absent from one map
  double assd_mm = 0;
};

// One per label, in their order. Throws Error as check_same_grid.
std::vector<LabelScores> score_labels(const volume::Volume& prediction, const volume::Volume& truth,
                                      std::span<const int> labels, double tolerance_mm, int threads = 1);

struct CaseScores {
  std::string id, patient;
  std::vector<LabelScores> labels;
};

// Mean of one score over the labels of a case that have one; NaN when none has.
double mean_of_labels(const CaseScores& one, double LabelScores::*score);

using LabelNames = std::map<int, std::string>;

// case,patient,label,name,dice,surface_dice,hd95_mm,assd_mm: one row a case and label; "nan" and "inf" as above.
core::Table scores_table(std::span<const CaseScores> cases, const LabelNames& names);
std::vector<CaseScores> scores_from(const core::Table& table);  // throws Error naming what is missing or no number

// Over the cases, patients resampled. Distances: over the cases that have one; `missed` are the infinite ones, which no
// mean can hold and no reader should overlook.
struct LabelSummary {
  int label = 0;
  std::string name;  // empty when the class has none; "mean" for the last
  Interval dice, surface_dice, hd95_mm, assd_mm;
  std::int64_t cases = 0;   // that count for Dice
  std::int64_t missed = 0;  // in one map only
};
// One per label that occurs, in rising order, then the mean over labels (of each case, of its labels that count; label
// 0) when there are several.
std::vector<LabelSummary> summarise(std::span<const CaseScores> cases, const LabelNames& names,
                                    const BootstrapOptions& options = {});

// For people: label, name, cases, missed and the four numbers with their intervals.
core::Table summary_table(std::span<const LabelSummary> summary);

}  // namespace evaluate
