#pragma once
// One update of all phases: forward and backward in parts (parts.h), gradients over ranks, clip, optimiser.

#include <c10/core/Device.h>

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "data/batch.h"
#include "runtime/comm.h"
#include "train/gradient_exchange.h"
#include "train/learner.h"
#include "train/parts.h"
#include "train/run_state.h"
#include "train/settings.h"
#include "train/timings.h"

namespace train {

class Step {
 public:
  // All must outlive it. Throws usage Error when the learner's loss cannot be computed in so many parts.
  Step(Learner& learner, RunState& state, const TrainerSettings& settings, c10::Device device, runtime::Comm& comm,
       Timings& timings);

  struct Outcome {
    std::string fault;  // why nothing was changed, on every rank ("the loss is nan"); empty: all was
    // Nothing was changed, on every rank, because the scaled gradient was too large for fp16; the scale is less now.
    bool overflow = false;
    std::map<std::string, at::Tensor> seen;  // scalars of this rank, as metrics.csv names them
    double loss = 0;                         // all phases together, mean over ranks
  };
  // Once a phase is at fault, the later ones of the step are left out too. Waits for the device once, for fault and
  // loss. Ranks average their gradients once for each phase, when all parts of the batch have added to them.
  Outcome run(const data::Batch& batch, const Moment& moment);

  // "fp32", "bf16" or "fp16".
  const std::string& precision() const { return how_.precision; }
  void set_precision(const std::string& word);

 private:
  class ReadBack;
  struct Done;
  Done run_phase(std::size_t phase, const data::Batch& batch, const Moment& moment, at::Tensor& faults,
                 std::map<std::string, at::Tensor>& seen);
  std::string fault_of(std::vector<Done>& phases) const;

  Learner& learner_;
  RunState& state_;
  const TrainerSettings& settings_;
  runtime::Comm& comm_;
  std::deque<GradientExchange> exchanges_;  // by phase
  Timings& timings_;
  Computation how_;
};

}  // namespace train
