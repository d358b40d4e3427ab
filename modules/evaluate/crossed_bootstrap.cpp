#include "evaluate/crossed_bootstrap.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/parallel.h"
#include "core/rng.h"

namespace evaluate {

Interval bootstrap_crossed(std::span<const double> values, std::size_t repetitions, const BootstrapOptions& options) {
  constexpr double kNotKnown = std::numeric_limits<double>::quiet_NaN();
  GADOLIN_CHECK(repetitions > 0 && values.size() % repetitions == 0);
  GADOLIN_CHECK(std::ranges::all_of(values, [](double value) { return std::isfinite(value); }));
  const std::size_t patients = values.size() / repetitions;
  double sum = 0;
  for (const double value : values) sum += value;
  if (patients < 2)
    return {values.empty() ? kNotKnown : sum / static_cast<double>(values.size()), kNotKnown, kNotKnown};
  std::vector<double> means(static_cast<std::size_t>(options.resamples));
  core::parallel_for(options.resamples, options.threads, [&](std::int64_t r) {
    core::Rng rng({options.seed, static_cast<std::uint64_t>(r), 0, 0});
    std::vector<std::size_t> rows(repetitions), columns(patients);
    for (std::size_t& row : rows) row = static_cast<std::size_t>(rng.below(repetitions));
    for (std::size_t& column : columns) column = static_cast<std::size_t>(rng.below(patients));
    double total = 0;
    for (const std::size_t row : rows) {
      for (const std::size_t column : columns) total += values[row * patients + column];
    }
    means[static_cast<std::size_t>(r)] = total / static_cast<double>(values.size());
  });
  return percentile_interval(sum / static_cast<double>(values.size()), std::move(means), options.confidence);
}

}  // namespace evaluate
