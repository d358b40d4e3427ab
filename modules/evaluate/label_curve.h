#pragma once
// What labels are worth: how the score of a way of training rises with the number of labelled cases, and how many
// labelled cases another way spares.
//
// Between two budgets a curve is linear in the logarithm of the number of labelled cases. It never falls: a dip is a
// bad draw, and what reaches a score once counts as reaching it. Pure; sizes that do not match are our bug.

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "evaluate/bootstrap.h"

namespace evaluate {

// The rising sequence that is nearest to `values` by squares, all of them weighing the same (pool adjacent violators;
// R. Barlow et al., Statistical Inference under Order Restrictions, 1972). None of them may be NaN.
std::vector<double> never_falling(std::span<const double> values);

// The smallest number of labelled cases at which the curve reaches the score. `budgets` rise and are positive, `scores`
// are as never_falling() gives them. The first budget when the curve begins there; infinite when it never does.
double labels_to_reach(double score, std::span<const double> budgets, std::span<const double> scores);

// What was trained and scored, the same for all arms of a study: at each budget of labelled cases some draws of which
// ones, each scored on the same patients.
struct CurveDesign {
  std::vector<double> budgets;     // rising, positive
  std::vector<std::size_t> draws;  // of each budget, at least one
  std::size_t patients = 0;        // of the test set
};
// An arm's score at a budget for one draw, over these patients (by number; those drawn again stand there again). May be
// NaN where nothing can be said (one class alone). Called from several threads.
using ScoreOf = std::function<double(std::size_t budget, std::size_t draw, std::span<const std::size_t> patients)>;

// How many times as many labelled cases the first arm needs to reach the score of the other.
struct LabelsSaved {
  Interval factor;          // labels_to_reach / budget; infinite where the first arm never reached that score
  double highest_told = 0;  // the most that the budgets can show: write "> x" where the factor is infinite
  double share_beyond = 0;  // of the resamples
};
struct CurvePoint {
  Interval score;          // of the arm, mean over draws
  Interval difference;     // from the first arm, paired by patient and draw
  double probability = 1;  // of a difference as far from 0 if there was none: two-sided, from the resamples
  LabelsSaved saved;
};

// One point for each budget. In each resample patients and, for each budget, draws are drawn with replacement, the same
// for both arms, patients the same for all budgets (A. B. Owen, "The pigeonhole bootstrap", Annals of Applied
// Statistics 1, 2007); both curves are made anew. Resample r draws from {seed, r}: the same numbers whatever the
// threads. Below two patients bounds are NaN. A handful of draws cannot tell how much they differ: then intervals are
// somewhat too narrow.
std::vector<CurvePoint> compare_curves(const CurveDesign& design, const ScoreOf& first, const ScoreOf& arm,
                                       const BootstrapOptions& options = {});

// Probabilities as they stand after m questions were asked of the same data: the smallest times m, the next times
// m - 1, ..., at most 1 and in the same order as before (S. Holm, Scandinavian Journal of Statistics 6, 1979).
std::vector<double> holm(std::span<const double> probabilities);

// Rank of each arm, mean over the rows: 1 is the highest score of a row, equal scores share the mean of their ranks.
// `scores` holds rows of `arms` values.
std::vector<double> mean_ranks(std::span<const double> scores, std::size_t arms);

}  // namespace evaluate
