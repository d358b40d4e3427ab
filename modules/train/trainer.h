#pragma once
// The loop. One call trains from the first step to the last, or goes on from the newest sound checkpoint of the folder,
// byte for byte as if nothing had happened.

#include <c10/core/Device.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>

#include "core/progress.h"
#include "data/dataset.h"
#include "runtime/comm.h"
#include "train/learner.h"
#include "train/limits.h"
#include "train/settings.h"
#include "train/watcher.h"

namespace train {

// Where a run lies, who made it, and how far this call may take it.
struct RunFolder {
  std::filesystem::path folder;
  // Kept in every checkpoint (checkpoint.h lists the keys). A checkpoint whose "config" has other values, or whose
  // "data", "architecture" or "init" is another one, is refused.
  std::map<std::string, std::string> facts;
  core::Progress::Style progress = core::Progress::Style::kAuto;
  CallLimits limits = {};
  // The settings of "config" that nobody changed, as YAML: the values of those that an older checkpoint does not know.
  std::string defaults = {};
};

struct FitResult {
  std::int64_t step = 0;             // updates done, over all calls
  std::int64_t updates = 0;          // of this call
  bool interrupted = false;          // stopped before `steps`, after a checkpoint: exit code 5
  bool enough = false;               // a watcher ended it before `steps`: it is complete
  double seconds = 0;                // of this call
  double loss = 0;                   // of the last row of metrics.csv; NaN when there is none
  std::filesystem::path checkpoint;  // the last one written, or the one that was found complete
  std::string time_told;             // where the time of this call went: Timings::told()
};

// Trains `learner` (whose tensors lie on `device`) with batches of `source`, and writes FOLDER/checkpoint-N.gadolin,
// metrics.csv, timings.csv and TensorBoard's events. With several ranks every rank calls it with its own learner,
// source and comm; all begin with rank 0's weights, and rank 0 writes.
//
// * Reproducible to the bit for the same torch threads, whose number a checkpoint brings back. Seed torch before making
//   the learner; fit() seeds torch's generators itself before the first step.
// * Checkpoints are written by a thread of their own while the steps go on; all are published when fit() returns. What
//   fails there is thrown after the next step, at the next checkpoint or at the end.
// * SIGINT, SIGTERM, SIGUSR1 and the limits end it after the step at hand and a checkpoint; a second SIGINT at once. A
//   step that takes longer than the grace ends the process (limits.h): the checkpoint before stays, and what of a
//   checkpoint is being written is published whole or not at all.
// * metrics.csv gets, every log_every steps, the mean since the last row of "loss", "gradient_norm" and what the
//   learner watches, and "learning_rate"; with several phases "<phase>.loss", "<phase>.gradient_norm" too. What the
//   learner watches must have the same names on all ranks.
// * timings.csv gets rank 0's row of Timings::take() as often: apart, since no two runs take the same time.
// * A step whose loss or gradient is not finite changes nothing (its watched numbers are dropped, after_update is not
//   called); after max_skips of them in a row the next one throws Error with the step, the case ids and the name of
//   the file in which all of it is kept (fault.h). With fp16 a gradient too large for the scaled loss is none of them:
//   the scale is halved.
// * A loss far above those before (spike.h) is warned of and counted in the rows as "spikes". With spike=rewind the run
//   goes back to its last checkpoint and on with the batches after the spike ("rewinds"), all ranks together.
// * best_by keeps the state of the best row as best-<step>.gadolin; a row that is better writes one at once.
// * Throws usage Error for a folder that holds another run, Error when the disk is full (the checkpoint before stays),
//   when all checkpoints are damaged, and what source and learner throw.
FitResult fit(Learner& learner, data::BatchSource& source, const TrainerSettings& settings, const RunFolder& folder,
              c10::Device device, runtime::Comm& comm, std::span<Watcher* const> watchers = {});

}  // namespace train
