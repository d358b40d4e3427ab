#pragma once
// A pretraining tried for a few steps that leave nothing: what memory and time it takes, which batch fits.

#include <cstdint>

#include "core/error.h"
#include "pipelines/pretrain_run.h"
#include "runtime/comm.h"

namespace pipelines {

// --fit-memory: the batch over all ranks of a run that is there already, else the largest that fits, found by rank 0.
std::int64_t batch_that_fits(const PretrainRequest& request, PretrainRecipe& recipe, runtime::Comm& comm);

// --forecast, told by rank 0.
core::Exit tell_forecast(const PretrainRequest& request, PretrainRecipe& recipe, const runtime::Comm& comm);

// Bytes of a rank, where its batch cannot be tried: from two small batches.
std::int64_t memory_needed(const PretrainRequest& request, PretrainRecipe& recipe, const runtime::Comm& comm);

}  // namespace pipelines
