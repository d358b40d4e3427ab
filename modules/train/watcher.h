#pragma once
// How pipelines looks into the loop: probes, pictures, scores on held-out cases.

#include <cstdint>
#include <map>
#include <string>

#include "train/learner.h"

namespace train {

// Called on the training thread between steps; must leave parameters, generators and the learner's state as they are.
class Watcher {
 public:
  virtual ~Watcher() = default;
  // Called when moment.step is a multiple of it, and after the last step.
  virtual std::int64_t every_steps() const = 0;
  // Numbers to log beside the loss, by name. `batch` is the one of the step just done.
  virtual std::map<std::string, double> look(Learner& learner, const data::Batch& batch, const Moment& moment) = 0;
};

}  // namespace train
