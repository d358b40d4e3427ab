#pragma once
// What changes the parameters of one phase. To add a rule: optimisers/<name>.cpp with one exported entry, one X in
// optimisers.cpp; tests/train/optimiser_test.cpp then asks it what it asks every rule.

#include <ATen/core/Tensor.h>

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "train/average.h"
#include "train/learner.h"
#include "train/settings.h"

namespace train {

// A parameter with all that moves with it.
struct Slot {
  std::string name;
  at::Tensor parameter;               // live
  double learning_rate_scale = 1;     // from the layers above it
  bool decayed = true;                // not of one dimension, not spared by its module
  std::vector<at::Tensor> kept;       // what the rule keeps, in the order of UpdateRule::kept()
  at::Tensor average = at::Tensor();  // live EMA of the parameter; undefined where none is kept
};

struct Update {
  double learning_rate = 0;        // times each slot's scale
  double average_share = 0;        // of the way that averages go to their parameters (Average::share)
  at::Tensor skip = at::Tensor();  // float scalar on the device: where it is 1 nothing changes; undefined: 0
};

// How one step changes parameters. Has no state of its own: what it keeps lies in the slots.
class UpdateRule {
 public:
  virtual ~UpdateRule() = default;

  // Names of what is kept beside each parameter: of its shape, or a scalar (float32).
  struct Kept {
    std::string_view name;
    bool scalar = false;
  };
  virtual std::span<const Kept> kept() const = 0;

  // Parameters, what is kept, then averages move; gradients count times `gradient_scale` (scalar on the device;
  // undefined: 1) and may be overwritten. Every slot has a gradient. Never waits for the device. Where update.skip is 1
  // nothing changes, whatever the gradients are.
  virtual void apply(std::span<Slot* const> slots, const Update& update, const at::Tensor& gradient_scale) const = 0;
};

struct OptimiserEntry {
  std::string_view name;
  std::string_view help;
  std::span<const char* const> reads;  // keys of TrainerSettings that not every rule reads
  std::unique_ptr<UpdateRule> (*make)(const TrainerSettings& settings);
};

std::span<const OptimiserEntry* const> optimisers();
// Throws usage Error for an unknown name, naming the nearest.
const OptimiserEntry& optimiser_named(const std::string& name);

// The rule that the settings name, on the parameters of a phase. Those without a gradient are left as they are, as in
// torch. Of float32 on the CPU the bits do not depend on the number of threads.
class Optimiser {
 public:
  // The phase's parameters are live and must stay the same tensors. Throws Error when a name comes twice.
  Optimiser(const Phase& phase, const TrainerSettings& settings);

  void clear_gradients();
  // Live, of the parameters that have one.
  std::vector<at::Tensor> gradients() const;
  // Returns the norm of all gradients, a scalar on the device. Where it is above `norm` (0: never) the next update()
  // takes them scaled down to it; they themselves stay as they are.
  at::Tensor clip(double norm);
  // Averages that the optimiser shall move along in the same pass; those that another one has taken are left to it.
  void keep(Average& average);
  void update(const Update& update);

  // What is kept, by name ("<parameter>/<kept>"), live.
  std::map<std::string, at::Tensor> state() const;
  // Throws Error when a tensor is missing or has another shape.
  void load(const std::map<std::string, at::Tensor>& state);

 private:
  std::vector<Slot> slots_;
  std::unique_ptr<UpdateRule> rule_;
  at::Tensor gradient_scale_;  // of the step at hand, by clip()
};

}  // namespace train
