#pragma once
// Everything of a run that moves with its steps, live: what a checkpoint is taken from and put back into.

#include <c10/core/Device.h>

#include <cstdint>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "train/average.h"
#include "train/checkpoint.h"
#include "train/loss_scale.h"
#include "train/optimiser.h"
#include "train/sums.h"

namespace train {

class RunState {
 public:
  RunState(Learner& learner, data::BatchSource& source, const TrainerSettings& settings, c10::Device device,
           runtime::Comm& comm);

  // A new run: rank 0's weights on all ranks, generators seeded.
  void begin(std::uint64_t seed);
  // All ranks together. The checkpoint is whole on every rank; its facts are left empty.
  Checkpoint take() const;
  // Torch's threads included. With another number of ranks than before the generators are seeded anew. Throws usage
  // Error when it is of another network, or of another number of ranks each of which has a state of its own.
  void put_back(const Checkpoint& checkpoint);

  std::int64_t step = 0;    // updates done
  std::int64_t epoch = -1;  // the last one begun
  std::vector<Phase> phases;
  std::vector<Optimiser> optimisers;  // by phase
  Average average;                    // moved by the optimisers
  LossScale loss_scale;
  Sums sums;

 private:
  void put_back_weights(const TensorsByName& weights);
  void put_back_ranks(const Checkpoint& checkpoint);

  Learner& learner_;
  data::BatchSource& source_;
  c10::Device device_;
  runtime::Comm& comm_;
};

}  // namespace train
