#include "evaluate/ranking.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "core/error.h"

namespace evaluate {
namespace {
constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();
}

double auc(std::span<const double> scores, std::span<const int> positive) {
  GADOLIN_CHECK(scores.size() == positive.size());
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (const double score : scores) GADOLIN_CHECK(!std::isnan(score));
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return scores[a] < scores[b]; });
  double rank_sum = 0, positives = 0;  // ranks from 1, tied scores share their mean rank
  for (std::size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    double here = 0;
    while (end < order.size() && scores[order[end]] == scores[order[begin]])
      here += positive[order[end++]] != 0 ? 1 : 0;
    rank_sum += here * (static_cast<double>(begin) + static_cast<double>(end) + 1) / 2;
    positives += here;
  }
  const double negatives = static_cast<double>(scores.size()) - positives;
  if (positives == 0 || negatives == 0) return kUndefined;
  return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives);
}

double auc_one_vs_rest(std::span<const double> probabilities, std::span<const int> truth, int classes) {
  GADOLIN_CHECK(classes > 0 && probabilities.size() == truth.size() * static_cast<std::size_t>(classes));
  double sum = 0;
  int counted = 0;
  for (int k = 0; k < classes; ++k) {
    std::vector<double> scores(truth.size());
    std::vector<int> positive(truth.size());
    for (std::size_t i = 0; i < truth.size(); ++i) {
      scores[i] = probabilities[i * static_cast<std::size_t>(classes) + static_cast<std::size_t>(k)];
      positive[i] = truth[i] == k ? 1 : 0;
    }
    const double one = auc(scores, positive);
    if (std::isnan(one)) continue;
    sum += one;
    ++counted;
  }
  return counted == 0 ? kUndefined : sum / counted;
}

std::vector<int> most_probable(std::span<const double> probabilities, int classes) {
  GADOLIN_CHECK(classes > 0 && probabilities.size() % static_cast<std::size_t>(classes) == 0);
  std::vector<int> result;
  for (std::size_t i = 0; i < probabilities.size(); i += static_cast<std::size_t>(classes)) {
    const auto row = probabilities.subspan(i, static_cast<std::size_t>(classes));
    result.push_back(static_cast<int>(std::max_element(row.begin(), row.end()) - row.begin()));
  }
  return result;
}

double accuracy(std::span<const int> predicted, std::span<const int> truth) {
  GADOLIN_CHECK(predicted.size() == truth.size());
  if (truth.empty()) return kUndefined;
  double right = 0;
  for (std::size_t i = 0; i < truth.size(); ++i) right += predicted[i] == truth[i] ? 1 : 0;
  return right / static_cast<double>(truth.size());
}

double balanced_accuracy(std::span<const int> predicted, std::span<const int> truth) {
  GADOLIN_CHECK(predicted.size() == truth.size());
  std::map<int, std::pair<double, double>> found;  // right, all
  for (std::size_t i = 0; i < truth.size(); ++i) {
    auto& [right, all] = found[truth[i]];
    right += predicted[i] == truth[i] ? 1 : 0;
    all += 1;
  }
  double sum = 0;
  for (const auto& [label, counts] : found) sum += counts.first / counts.second;
  return found.empty() ? kUndefined : sum / static_cast<double>(found.size());
}

}  // namespace evaluate
