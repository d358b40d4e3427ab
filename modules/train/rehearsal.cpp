#include "train/rehearsal.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "core/error.h"
#include "runtime/generators.h"
#include "runtime/memory_count.h"
#include "runtime/recompute.h"
#include "train/run_state.h"
#include "train/step.h"

namespace train {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::int64_t kWarmUp = 2;

std::int64_t bytes_of(const at::Tensor& tensor) {
  return tensor.defined() ? static_cast<std::int64_t>(tensor.nbytes()) : 0;
}

template <class Named>
std::int64_t bytes_of_all(const Named& tensors) {
  std::int64_t sum = 0;
  for (const auto& [name, tensor] : tensors) sum += bytes_of(tensor);
  return sum;
}

std::int64_t bytes_of_batch(const data::Batch& batch) {
  std::int64_t sum = 0;
  for (const data::View& view : batch.views) {
    for (const at::Tensor* each : {&view.images, &view.labels, &view.valid, &view.hidden, &view.kept})
      sum += bytes_of(*each);
  }
  return sum;
}

std::string shape_text(const at::Tensor& tensor) {
  std::string text;
  for (const std::int64_t size : tensor.sizes()) text += (text.empty() ? "" : " x ") + std::to_string(size);
  return text;
}

// The copy that a checkpoint keeps in memory while the steps go on.
std::vector<at::Tensor> copy_of(const Checkpoint& checkpoint) {
  std::vector<at::Tensor> copies;
  const auto add = [&](const TensorsByName& tensors) {
    for (const auto& [name, tensor] : tensors)
      copies.push_back(tensor.detach().to(at::kCPU, tensor.scalar_type(), false, true));
  };
  add(checkpoint.weights);
  add(checkpoint.optimiser);
  add(checkpoint.average);
  for (const runtime::Archive& state : checkpoint.learner) add(state.tensors);
  return copies;
}

class Steps {
 public:
  Steps(Learner& learner, data::BatchSource& source, const TrainerSettings& settings, c10::Device device,
        runtime::Comm& comm)
      : learner_(learner),
        source_(source),
        settings_(settings),
        device_(device),
        state_(learner, source, settings, device, comm),
        timings_(device),
        updates_(learner, state_, settings, device, comm, timings_) {
    learner.use(comm);
    learner.set_training(true);
    state_.begin(static_cast<std::uint64_t>(settings.seed));
  }

  void one(Rehearsal& found);
  RunState& state() { return state_; }

 private:
  Learner& learner_;
  data::BatchSource& source_;
  const TrainerSettings& settings_;
  c10::Device device_;
  RunState state_;
  Timings timings_;
  Step updates_;
};

void Steps::one(Rehearsal& found) {
  const Moment moment{state_.step, settings_.steps,
                      static_cast<std::int64_t>(source_.position()) / source_.epoch_size()};
  if (moment.epoch > state_.epoch) {
    state_.epoch = moment.epoch;
    learner_.before_epoch(learner_.wants_pass() ? *source_.pass() : source_, moment);
  }
  const data::Batch batch = source_.next().to(device_);
  found.batch = bytes_of_batch(batch);
  runtime::MemoryCount count(device_);
  std::int64_t before = 0;
  bool first_part = state_.step == 0;
  const runtime::PartWatch watch([&](const at::Tensor& made) {
    const std::int64_t kept = count.now() - before;
    before = count.now();
    first_part = first_part && kept >= 0;
    if (first_part) found.stages.emplace_back(shape_text(made), kept);
  });
  // Gradients of the step before are given back first, and are taken again.
  const Step::Outcome outcome = updates_.run(batch, moment);
  const bool again = state_.step > 0;
  found.activations = std::max(found.activations, count.most() - (again ? 0 : found.gradients));
  if (outcome.fault.empty() && !outcome.overflow) {
    for (const auto& [name, value] : outcome.seen) state_.sums.add(name, value);
    learner_.after_update(moment);
  }
  ++state_.step;
}

}  // namespace

Rehearsal rehearse(Learner& learner, data::BatchSource& source, const TrainerSettings& settings, c10::Device device,
                   runtime::Comm& comm, std::int64_t steps, std::span<Watcher* const> watchers) {
  settings.check();
  GADOLIN_CHECK(steps > kWarmUp);
  Steps run(learner, source, settings, device, comm);
  Rehearsal found;
  found.weights = bytes_of_all(learner.weights());
  for (const Phase& phase : run.state().phases) {
    for (const Parameter& each : phase.parameters) found.gradients += bytes_of(each.tensor);
  }
  for (const Optimiser& optimiser : run.state().optimisers) found.optimiser += bytes_of_all(optimiser.state());
  found.average = bytes_of_all(run.state().average.state());
  std::vector<at::Tensor> copy;
  const auto keep_copy = [&] {
    copy = copy_of(run.state().take());
    for (const at::Tensor& each : copy) found.checkpoint_copy += bytes_of(each);
  };
  const bool between = settings.checkpoint_every > 0 && settings.checkpoint_every < settings.steps;
  if (between) keep_copy();
  Clock::time_point begin;
  for (std::int64_t step = 0; step < steps; ++step) {
    if (step == kWarmUp) begin = Clock::now();
    run.one(found);
  }
  found.step_s = std::chrono::duration<double>(Clock::now() - begin).count() / static_cast<double>(steps - kWarmUp);
  if (!between) keep_copy();
  for (Watcher* const watcher : watchers) {
    const runtime::KeepGenerators keep(device);
    const data::Batch batch = source.next().to(device);
    watcher->look(learner, batch, {run.state().step, settings.steps, run.state().epoch});
    learner.set_training(true);
  }
  return found;
}

}  // namespace train
