#pragma once
// The page that `gadolin report` writes.

#include <string>
#include <vector>

#include "pipelines/report_runs.h"

namespace pipelines {

// The whole HTML file; `comparisons` are those of the runs.
std::string report_page(const std::vector<Run>& runs, const std::vector<Comparison>& comparisons,
                        const std::string& title);

// "0.853 [0.841, 0.866]".
std::string interval_text(const evaluate::Interval& interval, int decimals);

}  // namespace pipelines
