#pragma once
// How sure a number is: percentile intervals from resampled patients.
//
// Patients are drawn with replacement and bring all their cases along, because cases of one patient are no independent
// witnesses. The interval runs between the quantiles of the resampled numbers (B. Efron and R. Tibshirani, "An
// introduction to the bootstrap", 1993, chapter 13). Resample r draws from the key {seed, r}: the same numbers whatever
// the threads. With few patients (below about 20) such intervals are somewhat too narrow.
//
// NaN marks a value that does not count. With fewer than two patients the bounds are NaN. `groups` holds the patient of
// each value. Pure.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace evaluate {

struct Interval {
  double value = 0, low = 0, high = 0;
};

struct BootstrapOptions {
  int resamples = 2000;
  double confidence = 0.95;
  std::uint64_t seed = 0;
  int threads = 1;
};

// Mean of the values that count, cases weighing the same. All NaN when none counts.
Interval bootstrap_mean(std::span<const double> values, std::span<const std::string> groups,
                        const BootstrapOptions& options = {});

// Mean of a - b over the positions where both count; a[i] and b[i] belong to one case. An interval without 0 is a
// difference. Infinite values count as NaN here: nothing can be said of their difference.
Interval bootstrap_difference(std::span<const double> a, std::span<const double> b, std::span<const std::string> groups,
                              const BootstrapOptions& options = {});

// Any number of a set of cases: `statistic` is given the positions drawn (repeated where drawn again), from several
// threads. Resamples whose number is NaN are left out.
Interval bootstrap(std::span<const std::string> groups,
                   const std::function<double(std::span<const std::size_t>)>& statistic,
                   const BootstrapOptions& options = {});

// `value` between the quantiles of resampled numbers, those that are NaN left out; without any the bounds are NaN.
Interval percentile_interval(double value, std::vector<double> numbers, double confidence);

// Linear between order statistics (type 7); `sorted` rises and is not empty.
double quantile(std::span<const double> sorted, double share);

}  // namespace evaluate
