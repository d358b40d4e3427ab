#include "evaluate/label_curve.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/error.h"
#include "core/parallel.h"
#include "core/rng.h"

namespace evaluate {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
constexpr double kNever = std::numeric_limits<double>::infinity();

// Patients and, for each budget, draws that are counted.
struct Chosen {
  std::vector<std::size_t> patients;
  std::vector<std::vector<std::size_t>> draws;
};

std::vector<double> means_of(const ScoreOf& arm, const Chosen& chosen) {
  std::vector<double> means;
  for (std::size_t budget = 0; budget < chosen.draws.size(); ++budget) {
    double sum = 0;
    for (const std::size_t draw : chosen.draws[budget]) sum += arm(budget, draw, chosen.patients);
    means.push_back(sum / static_cast<double>(chosen.draws[budget].size()));
  }
  return means;
}

// Of both arms, budget by budget; a factor is NaN when a score of either curve is.
struct Numbers {
  std::vector<double> score, difference, factor;
};

Numbers numbers_of(const CurveDesign& design, const ScoreOf& first, const ScoreOf& arm, const Chosen& chosen) {
  Numbers numbers;
  const std::vector<double> theirs = means_of(first, chosen);
  numbers.score = means_of(arm, chosen);
  for (std::size_t i = 0; i < theirs.size(); ++i) numbers.difference.push_back(numbers.score[i] - theirs[i]);
  numbers.factor.assign(theirs.size(), kUnknown);
  if (std::ranges::any_of(numbers.difference, [](double each) { return std::isnan(each); })) return numbers;
  const std::vector<double> rising = never_falling(theirs), own = never_falling(numbers.score);
  for (std::size_t i = 0; i < own.size(); ++i)
    numbers.factor[i] = labels_to_reach(own[i], design.budgets, rising) / design.budgets[i];
  return numbers;
}

std::vector<std::size_t> all_of(std::size_t count) {
  std::vector<std::size_t> all(count);
  std::iota(all.begin(), all.end(), std::size_t{0});
  return all;
}

std::vector<std::size_t> drawn_again(core::Rng& rng, std::size_t count) {
  std::vector<std::size_t> drawn(count);
  for (std::size_t& each : drawn) each = static_cast<std::size_t>(rng.below(count));
  return drawn;
}

std::vector<double> numbers_at(const std::vector<Numbers>& resamples, std::vector<double> Numbers::*which,
                               std::size_t budget) {
  std::vector<double> numbers;
  for (const Numbers& each : resamples) {
    const double number = (each.*which)[budget];
    if (!std::isnan(number)) numbers.push_back(number);
  }
  return numbers;
}

double two_sided(const std::vector<double>& numbers) {
  const auto below = std::ranges::count_if(numbers, [](double each) { return each <= 0; });
  const auto above = std::ranges::count_if(numbers, [](double each) { return each >= 0; });
  return std::min(1.0, 2 * static_cast<double>(std::min(below, above) + 1) / static_cast<double>(numbers.size() + 1));
}

}  // namespace

std::vector<double> never_falling(std::span<const double> values) {
  struct Level {
    double sum = 0, count = 0;
    double mean() const { return sum / count; }
  };
  std::vector<Level> levels;
  for (const double value : values) {
    GADOLIN_CHECK(!std::isnan(value));
    levels.push_back({value, 1});
    while (levels.size() > 1 && levels[levels.size() - 2].mean() > levels.back().mean()) {
      levels[levels.size() - 2].sum += levels.back().sum;
      levels[levels.size() - 2].count += levels.back().count;
      levels.pop_back();
    }
  }
  std::vector<double> rising;
  for (const Level& level : levels) rising.insert(rising.end(), static_cast<std::size_t>(level.count), level.mean());
  return rising;
}

double labels_to_reach(double score, std::span<const double> budgets, std::span<const double> scores) {
  GADOLIN_CHECK(budgets.size() == scores.size() && !budgets.empty());
  const auto at = static_cast<std::size_t>(std::ranges::lower_bound(scores, score) - scores.begin());
  if (at == scores.size()) return kNever;
  if (at == 0) return budgets[0];
  const double share = (score - scores[at - 1]) / (scores[at] - scores[at - 1]);
  return std::exp(std::lerp(std::log(budgets[at - 1]), std::log(budgets[at]), share));
}

std::vector<CurvePoint> compare_curves(const CurveDesign& design, const ScoreOf& first, const ScoreOf& arm,
                                       const BootstrapOptions& options) {
  GADOLIN_CHECK(design.budgets.size() == design.draws.size() && !design.budgets.empty() && design.patients > 0);
  GADOLIN_CHECK(options.resamples > 0 && options.confidence > 0 && options.confidence < 1);
  Chosen all{all_of(design.patients), {}};
  for (const std::size_t draws : design.draws) {
    GADOLIN_CHECK(draws > 0);
    all.draws.push_back(all_of(draws));
  }
  const Numbers whole = numbers_of(design, first, arm, all);
  std::vector<Numbers> resamples(design.patients < 2 ? 0 : static_cast<std::size_t>(options.resamples));
  core::parallel_for(static_cast<std::int64_t>(resamples.size()), options.threads, [&](std::int64_t r) {
    core::Rng rng({options.seed, static_cast<std::uint64_t>(r), 0, 0});
    Chosen chosen{drawn_again(rng, design.patients), {}};
    for (const std::size_t draws : design.draws) chosen.draws.push_back(drawn_again(rng, draws));
    resamples[static_cast<std::size_t>(r)] = numbers_of(design, first, arm, chosen);
  });
  std::vector<CurvePoint> points;
  for (std::size_t budget = 0; budget < design.budgets.size(); ++budget) {
    const std::vector<double> differences = numbers_at(resamples, &Numbers::difference, budget),
                              factors = numbers_at(resamples, &Numbers::factor, budget);
    CurvePoint point;
    point.score =
        percentile_interval(whole.score[budget], numbers_at(resamples, &Numbers::score, budget), options.confidence);
    point.difference = percentile_interval(whole.difference[budget], differences, options.confidence);
    point.probability = two_sided(differences);
    point.saved.factor = percentile_interval(whole.factor[budget], factors, options.confidence);
    point.saved.highest_told = design.budgets.back() / design.budgets[budget];
    const auto beyond = std::ranges::count_if(factors, [](double each) { return std::isinf(each); });
    if (!factors.empty()) point.saved.share_beyond = static_cast<double>(beyond) / static_cast<double>(factors.size());
    points.push_back(point);
  }
  return points;
}

std::vector<double> holm(std::span<const double> probabilities) {
  std::vector<std::size_t> order(probabilities.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return probabilities[i]; });
  std::vector<double> corrected(probabilities.size());
  double highest = 0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    const double own = static_cast<double>(order.size() - rank) * probabilities[order[rank]];
    highest = std::max(highest, std::min(own, 1.0));
    corrected[order[rank]] = highest;
  }
  return corrected;
}

std::vector<double> mean_ranks(std::span<const double> scores, std::size_t arms) {
  GADOLIN_CHECK(arms > 0 && scores.size() % arms == 0 && !scores.empty());
  std::vector<double> ranks(arms);
  const std::size_t rows = scores.size() / arms;
  for (std::size_t row = 0; row < rows; ++row) {
    const std::span<const double> own = scores.subspan(row * arms, arms);
    for (std::size_t arm = 0; arm < arms; ++arm) {
      const auto higher = std::ranges::count_if(own, [&](double other) { return other > own[arm]; });
      const auto equal = std::ranges::count(own, own[arm]);
      ranks[arm] += static_cast<double>(higher) + (static_cast<double>(equal) + 1) / 2;
    }
  }
  for (double& rank : ranks) rank /= static_cast<double>(rows);
  return ranks;
}

}  // namespace evaluate
