#include "evaluate/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "core/error.h"
#include "core/parallel.h"
#include "core/rng.h"

namespace evaluate {
namespace {

constexpr double kNotKnown = std::numeric_limits<double>::quiet_NaN();

// The patient of each position, numbered in the order in which they first appear.
struct Patients {
  std::vector<std::size_t> of;
  std::size_t count = 0;

  explicit Patients(std::span<const std::string> groups) {
    std::map<std::string_view, std::size_t> number;
    for (const std::string& group : groups) of.push_back(number.emplace(group, number.size()).first->second);
    count = number.size();
  }
};

// `one(patients drawn)` for every resample; the interval between the quantiles of what is no NaN.
Interval resampled(double value, std::size_t patients, const BootstrapOptions& options,
                   const std::function<double(std::span<const std::size_t>)>& one) {
  GADOLIN_CHECK(options.resamples > 0 && options.confidence > 0 && options.confidence < 1);
  if (patients < 2) return {value, kNotKnown, kNotKnown};
  constexpr std::int64_t kTogether = 64;
  std::vector<double> numbers(static_cast<std::size_t>(options.resamples));
  const std::int64_t groups = (options.resamples + kTogether - 1) / kTogether;
  core::parallel_for(groups, options.threads, [&](std::int64_t group) {
    std::vector<std::size_t> drawn(patients);
    const std::int64_t end = std::min<std::int64_t>(options.resamples, (group + 1) * kTogether);
    for (std::int64_t r = group * kTogether; r < end; ++r) {
      core::Rng rng({options.seed, static_cast<std::uint64_t>(r), 0, 0});
      for (std::size_t& patient : drawn) patient = static_cast<std::size_t>(rng.below(patients));
      numbers[static_cast<std::size_t>(r)] = one(drawn);
    }
  });
  return percentile_interval(value, std::move(numbers), options.confidence);
}

}  // namespace

Interval percentile_interval(double value, std::vector<double> numbers, double confidence) {
  std::erase_if(numbers, [](double number) { return std::isnan(number); });
  if (numbers.empty()) return {value, kNotKnown, kNotKnown};
  std::sort(numbers.begin(), numbers.end());
  const double tail = (1 - confidence) / 2;
  return {value, quantile(numbers, tail), quantile(numbers, 1 - tail)};
}

double quantile(std::span<const double> sorted, double share) {
  GADOLIN_CHECK(!sorted.empty() && share >= 0 && share <= 1);
  const double place = share * static_cast<double>(sorted.size() - 1);
  const std::size_t below = static_cast<std::size_t>(place), above = std::min(below + 1, sorted.size() - 1);
  if (sorted[below] == sorted[above]) return sorted[below];  // two infinities have no difference
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

Interval bootstrap_mean(std::span<const double> values, std::span<const std::string> groups,
                        const BootstrapOptions& options) {
  GADOLIN_CHECK(values.size() == groups.size());
  std::vector<std::string> counted;
  std::vector<double> numbers;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(values[i])) continue;
    counted.push_back(groups[i]);
    numbers.push_back(values[i]);
  }
  const Patients patients(counted);
  std::vector<double> sum(patients.count), count(patients.count);
  double all = 0;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    sum[patients.of[i]] += numbers[i];
    count[patients.of[i]] += 1;
    all += numbers[i];
  }
  if (numbers.empty()) return {kNotKnown, kNotKnown, kNotKnown};
  return resampled(all / static_cast<double>(numbers.size()), patients.count, options, [&](auto drawn) {
    double total = 0, cases = 0;
    for (const std::size_t patient : drawn) {
      total += sum[patient];
      cases += count[patient];
    }
    return total / cases;
  });
}

Interval bootstrap_difference(std::span<const double> a, std::span<const double> b, std::span<const std::string> groups,
                              const BootstrapOptions& options) {
  GADOLIN_CHECK(a.size() == b.size());
  std::vector<double> difference(a.size());
  for (std::size_t i = 0; i < a.size(); ++i)
    difference[i] = std::isfinite(a[i]) && std::isfinite(b[i]) ? a[i] - b[i] : kNotKnown;
  return bootstrap_mean(difference, groups, options);
}

Interval bootstrap(std::span<const std::string> groups,
                   const std::function<double(std::span<const std::size_t>)>& statistic,
                   const BootstrapOptions& options) {
  const Patients patients(groups);
  std::vector<std::vector<std::size_t>> positions(patients.count);
  std::vector<std::size_t> everyone(groups.size());
  for (std::size_t i = 0; i < groups.size(); ++i) {
    positions[patients.of[i]].push_back(i);
    everyone[i] = i;
  }
  return resampled(statistic(everyone), patients.count, options, [&](auto drawn) {
    std::vector<std::size_t> picked;
    for (const std::size_t patient : drawn)
      picked.insert(picked.end(), positions[patient].begin(), positions[patient].end());
    return statistic(picked);
  });
}

}  // namespace evaluate
