#pragma once
// One update of all phases: forward, backward, gradients over ranks, clip, optimiser.

#include <c10/core/Device.h>

#include <map>
#include <string>
#include <vector>

#include "data/batch.h"
#include "runtime/comm.h"
#include "train/learner.h"
#include "train/run_state.h"
#include "train/settings.h"
#include "train/timings.h"

namespace train {

class Step {
 public:
  // All must outlive it.
  Step(Learner& learner, RunState& state, const TrainerSettings& settings, c10::Device device, runtime::Comm& comm,
       Timings& timings);

  struct Outcome {
    std::string fault;  // why nothing was changed, on every rank ("the loss is nan"); empty: all was
    std::map<std::string, at::Tensor> seen;  // scalars of this rank, as metrics.csv names them
  };
  // Once a phase is at fault, the later ones of the step are left out too. Waits for the device once, for the fault.
  Outcome run(const data::Batch& batch, const Moment& moment);

  // "fp32" or "bf16".
  const std::string& precision() const { return precision_; }
  void set_precision(const std::string& word) { precision_ = word; }

 private:
  class ReadBack;
  struct Done;
  Done run_phase(std::size_t phase, const data::Batch& batch, const Moment& moment, at::Tensor& skip,
                 std::map<std::string, at::Tensor>& seen);
  std::string fault_of(std::vector<Done>& phases) const;

  Learner& learner_;
  RunState& state_;
  const TrainerSettings& settings_;
  c10::Device device_;
  runtime::Comm& comm_;
  Timings& timings_;
  std::string precision_;
};

}  // namespace train
