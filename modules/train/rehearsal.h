#pragma once
// Steps of a run that leave nothing on the disk: what they take of memory and time.

#include <c10/core/Device.h>

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "data/dataset.h"
#include "runtime/comm.h"
#include "train/learner.h"
#include "train/settings.h"
#include "train/watcher.h"

namespace train {

// Bytes are those of tensors, on the learner's device but for checkpoint_copy.
struct Rehearsal {
  std::int64_t weights = 0, gradients = 0, optimiser = 0, average = 0;
  std::int64_t batch = 0;        // one batch as it is handed to a step
  std::int64_t activations = 0;  // what a step takes at its peak besides all of these
  // What the stages of the networks leave for the gradient, in order, by the shape of their result; the first part of a
  // step alone where there are several.
  std::vector<std::pair<std::string, std::int64_t>> stages;
  std::int64_t checkpoint_copy = 0;
  double step_s = 0;  // mean of the steps, without the first two: memory is new to them
};

// Steps, a look of each watcher and the copy for a checkpoint, as fit() would begin them. The learner's weights change.
// Throws what fit() throws; a step that fit() would leave out is none to it.
Rehearsal rehearse(Learner& learner, data::BatchSource& source, const TrainerSettings& settings, c10::Device device,
                   runtime::Comm& comm, std::int64_t steps, std::span<Watcher* const> watchers = {});

}  // namespace train
