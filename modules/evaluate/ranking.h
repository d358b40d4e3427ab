#pragma once
// How well scores tell classes apart. Pure functions; sizes that do not match are our bug, NaN scores too.

#include <cstdint>
#include <span>
#include <vector>

namespace evaluate {

// Area under the ROC curve = the probability that a positive is scored above a negative, ties counting one half
// (Mann-Whitney U; J. Hanley and B. McNeil, Radiology 143(1), 1982). `positive` holds 0 or 1. NaN when either is
// absent.
double auc(std::span<const double> scores, std::span<const int> positive);

// `probabilities` is [N, classes] in C order. Mean over the classes that some case has and some case has not of the
// class against the rest; NaN when there is none.
double auc_one_vs_rest(std::span<const double> probabilities, std::span<const int> truth, int classes);

// The most probable class of each row; among equals the lowest.
std::vector<int> most_probable(std::span<const double> probabilities, int classes);

double accuracy(std::span<const int> predicted, std::span<const int> truth);  // NaN when empty
// Mean over the classes in `truth` of the share that is found. NaN when empty.
double balanced_accuracy(std::span<const int> predicted, std::span<const int> truth);

}  // namespace evaluate
