#pragma once
// What is trained: the loop knows nothing more about it.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "data/dataset.h"
#include "runtime/archive.h"
#include "runtime/comm.h"

namespace train {

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

// What is trained, and what its optimiser must know of it.
struct Parameter {
  std::string name;               // as in weights()
  at::Tensor tensor;              // live leaf that requires a gradient
  bool spared = false;            // from weight decay, like all of one dimension
  std::int64_t layers_above = 0;  // between it and the head: layer-wise decay of the learning rate goes by it
};
using Parameters = std::vector<Parameter>;

// A part of a step with parameters and an optimiser of its own (generator and discriminator are two phases). Phases
// run one after the other in each step; most learners have one.
struct Phase {
  std::string name;
  Parameters parameters;             // names are said once
  double learning_rate_scale = 1.0;  // times the schedule's learning rate
};

// When a step happens.
struct Moment {
  std::int64_t step = 0;   // 0 .. steps-1
  std::int64_t steps = 1;  // of the whole run
  std::int64_t epoch = 0;  // passes over the data done
  double done() const { return static_cast<double>(step) / static_cast<double>(steps); }
};

struct StepResult {
  // With gradient, a mean over the batch it was given: a scalar, or [terms] of which the loss is the sum, where they
  // are means over unlike things (Learner::weight).
  at::Tensor loss;
  std::map<std::string, at::Tensor> watch;  // scalars to log, detached; not read back before they are logged
};

// How the samples of a batch meet in its loss. It tells whether the loss of a batch, shared by ranks and computed in
// parts (settings.h, accumulate), can be the loss of the whole.
enum class Coupling {
  kMean,        // nowhere: the loss is a mean over samples, or over voxels of them
  kEmbeddings,  // in what embed() makes of each of them; the loss is made of that (Gao et al., GradCache, 2021)
  kWhole,       // in any other way: a rank's batch is computed at once, or not at all
};

// Owns its networks and every other state; lives on one device; used from one thread. With several ranks, gradients
// are averaged over ranks by the Trainer after each phase; losses over the global batch gather through comm().
class Learner {
 public:
  virtual ~Learner() = default;

  virtual std::vector<Phase> phases() = 0;
  virtual Coupling coupling() const { return Coupling::kWhole; }

  // One batch of this rank, or with kMean a part of one: then it comes once for each part, and what it leaves for
  // after_update must add up. Of kEmbeddings it is loss_of(embed()), as it stands here.
  virtual StepResult step(std::size_t phase, const data::Batch& batch, const Moment& moment);
  // kMean: over how many things step() takes its mean (voxels that are counted, samples with a label), from the batch
  // alone: a scalar or [terms], as its loss is. The loss of the whole is then the mean of those of all parts and ranks
  // by these weights; step() itself weighs nothing. Undefined: all parts count alike.
  virtual at::Tensor weight(std::size_t /*phase*/, const data::Batch&) { return {}; }
  // kEmbeddings: tensors [samples, ...] that follow row by row from the samples alone, not from their neighbours. It
  // leaves no trace in the learner and is called twice for each part, first without a gradient, both times with the
  // same numbers of torch's generators. Of what comes without a gradient (a teacher's) none is wanted.
  virtual std::vector<at::Tensor> embed(std::size_t phase, const data::Batch& part, const Moment& moment);
  // kEmbeddings: the loss of what embed() gave for this rank's whole batch. Called once; gathers over ranks by itself.
  // Networks used in here alone (a projector) see the whole batch.
  virtual StepResult loss_of(std::size_t phase, const std::vector<at::Tensor>& embedded, const data::Batch& batch,
                             const Moment& moment);
  // Before the first step of each epoch; `pass` gives every case once (clustering). `pass` is only drawn from when
  // wants_pass().
  virtual bool wants_pass() const { return false; }
  virtual void before_epoch(data::BatchSource& /*pass*/, const Moment&) {}
  // After the optimisers of a step (teachers that follow by EMA, queues); not after a step that was left out because
  // its loss or gradient was not finite. What a step found for it belongs in a member until then.
  virtual void after_update(const Moment&) {}

  // All parameters and buffers of all networks (teachers included) by name: what a checkpoint holds and a transfer
  // reads ("encoder.stages.0..."). Live tensors.
  virtual NamedTensors weights() = 0;
  // All other state (queue, centre, codes, counters): save then load gives a learner that goes on byte for byte.
  virtual void save(runtime::Archive&) const {}
  virtual void load(const runtime::Archive&) {}
  // Before training (true) and before scoring (false): dropout and the like.
  virtual void set_training(bool training) = 0;

  void use(runtime::Comm& comm) { comm_ = &comm; }

 protected:
  runtime::Comm& comm() const;  // alone() until use() was called

 private:
  runtime::Comm* comm_ = nullptr;
};

}  // namespace train
