#pragma once
// The part of `bench augment` that needs a GPU.

#include <string>
#include <vector>

#include "pipelines/bench.h"

namespace pipelines {

// Why there is nothing to time: no GPU, or kernels that are not linked; empty when there is.
std::string gpu_views_left_out();
// 8 views of 1 x size^3, int16 to bfloat16. Throws Error when they are not those of the CPU. Only where nothing is left
// out.
std::vector<BenchResult> gpu_views(const BenchOptions& options);

}  // namespace pipelines
