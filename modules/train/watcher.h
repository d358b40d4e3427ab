#pragma once
// How pipelines looks into the loop: probes, pictures, scores on held-out cases.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "train/learner.h"

namespace train {

// A picture for TensorBoard: the bytes of a PNG.
struct WatchedPicture {
  std::string name;
  std::int64_t width = 0, height = 0;
  std::string png;
};

// Called on the training thread of every rank between steps. Must leave parameters and the learner's state as they are;
// torch's generators and training mode are put back by the Trainer, so it may call set_training(false) and draw
// numbers.
class Watcher {
 public:
  virtual ~Watcher() = default;
  // Called after so many updates each, and after the last. Asked anew before each call.
  virtual std::int64_t every_steps() const = 0;
  // Numbers to log beside the loss, by name (rank 0's are taken). `batch` is the one of the update just done, on the
  // learner's device; moment.step is the number of updates done, 1 .. steps.
  virtual std::map<std::string, double> look(Learner& learner, const data::Batch& batch, const Moment& moment) = 0;
  // What the last look drew; asked for once after each look (rank 0's are taken).
  virtual std::vector<WatchedPicture> pictures() { return {}; }
  // The run has what it was for: it ends after this step as a complete one. The same on all ranks.
  virtual bool enough() const { return false; }
  // What later looks depend on, under names of the watcher's own ("pool/rows"); rank 0's is kept and given to all
  // ranks. load() may be handed an archive that has nothing of it: of a run that was not watched so.
  virtual void save(runtime::Archive&) const {}
  virtual void load(const runtime::Archive&) {}
};

}  // namespace train
