#pragma once
// What a training would take of memory and time, told by steps of it that leave nothing behind.

#include <c10/core/Device.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "runtime/comm.h"
#include "train/learner.h"
#include "train/rehearsal.h"
#include "train/settings.h"
#include "train/watcher.h"

namespace pipelines {

// A run as it would begin, of one rank; lives as long as its owner.
struct Trial {
  std::shared_ptr<void> owner;
  train::Learner* learner = nullptr;
  data::BatchSource* source = nullptr;
  std::vector<train::Watcher*> watchers;
};
// Made anew for each forecast; `batch_size` samples of one rank.
using MakeTrial = std::function<Trial(std::int64_t batch_size)>;

struct Forecast {
  std::int64_t batch_size = 0;  // of a rank
  std::int64_t most = 0;        // bytes: on the CPU what lies in RAM for the process, on a GPU tensors on it
  std::int64_t program = 0;     // of `most`: the program and its libraries, before anything of the run was there
  std::int64_t views = 0;       // made ahead by the loader
  std::int64_t other = 0;       // the rest: scratch of libraries, what malloc keeps. On a GPU the last two are 0
  train::Rehearsal tensors;
};

// Runs `steps` (3 or more). Exact where a run takes later what it takes in these steps; chunks of a compressed store
// that it keeps (data.cache_mb) are not all there yet.
Forecast forecast_of(const MakeTrial& make, std::int64_t batch_size, const train::TrainerSettings& settings,
                     c10::Device device, runtime::Comm& comm, std::int64_t steps);

// The largest multiple of `unit` up to `highest` whose `most_of` is not over `limit` bytes, asked for as few sizes as
// can be: it is taken to grow evenly, and the answer was asked for itself. Throws usage Error when not even `unit`
// fits.
std::int64_t fitting_batch(std::int64_t limit, std::int64_t unit, std::int64_t highest,
                           const std::function<std::int64_t(std::int64_t)>& most_of);

// A few lines for a person; one JSON object. `steps` are still to be done.
std::string forecast_text(const Forecast& forecast, std::int64_t steps, const c10::Device& device);
std::string forecast_json(const Forecast& forecast, std::int64_t steps, const c10::Device& device);

}  // namespace pipelines
