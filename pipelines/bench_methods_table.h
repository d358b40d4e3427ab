#pragma once
// What the cells of `gadolin bench methods` say, as one Markdown page. No number of it is written by hand.

#include <string>

#include "pipelines/bench_methods_plan.h"

namespace pipelines {

// A row for each method of the table, "not run" where the cells of the request are not there; with pairs a second
// table, a row for each method and a column for each encoder. Throws Error for a damaged cell.
std::string methods_page(const MethodBenchRequest& request);

}  // namespace pipelines
