#pragma once
// How pipelines looks into the loop: probes, pictures, scores on held-out cases.

#include <cstdint>
#include <map>
#include <string>

#include "train/learner.h"

namespace train {

// Called on the training thread of every rank between steps. Must leave parameters and the learner's state as they are;
// torch's generators and training mode are put back by the Trainer, so it may call set_training(false) and draw
// numbers.
class Watcher {
 public:
  virtual ~Watcher() = default;
  // Called after so many updates each, and after the last.
  virtual std::int64_t every_steps() const = 0;
  // Numbers to log beside the loss, by name (rank 0's are taken). `batch` is the one of the update just done, on the
  // learner's device; moment.step is the number of updates done, 1 .. steps.
  virtual std::map<std::string, double> look(Learner& learner, const data::Batch& batch, const Moment& moment) = 0;
};

}  // namespace train
