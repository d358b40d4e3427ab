#pragma once
// The part of the page that `gadolin report` writes about training: curves, health, times and pictures.

#include <vector>

#include "pipelines/report_runs.h"
#include "report/page.h"

namespace pipelines {

void add_training(report::Page& page, const std::vector<Run>& runs);

}  // namespace pipelines
