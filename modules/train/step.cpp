#include "train/step.h"

#include <ATen/ATen.h>
#include <c10/core/Event.h>

#include <cmath>
#include <optional>

#include "core/error.h"
#include "core/table.h"
#include "train/precision.h"

namespace train {

// One number of the device read on the host without waiting for what was asked of the device afterwards.
class Step::ReadBack {
 public:
  explicit ReadBack(const at::Tensor& number) : copy_(number.to(at::kCPU, /*non_blocking=*/true)) {
    if (number.is_cpu()) return;
    const c10::impl::VirtualGuardImpl device(number.device().type());
    arrived_.emplace(number.device().type());
    arrived_->record(device.getStream(number.device()));
  }
  double value() {
    if (arrived_) arrived_->synchronize();
    return copy_.item<double>();
  }

 private:
  at::Tensor copy_;
  std::optional<c10::Event> arrived_;
};

struct Step::Done {
  at::Tensor loss, norm;
  ReadBack skipped;
};

Step::Step(Learner& learner, RunState& state, const TrainerSettings& settings, c10::Device device, runtime::Comm& comm,
           Timings& timings)
    : learner_(learner),
      state_(state),
      settings_(settings),
      device_(device),
      comm_(comm),
      timings_(timings),
      precision_(resolved_precision(settings.precision, device)) {}

Step::Done Step::run_phase(std::size_t phase, const data::Batch& batch, const Moment& moment, at::Tensor& skip,
                           std::map<std::string, at::Tensor>& seen) {
  AdamW& optimiser = state_.optimisers[phase];
  optimiser.clear_gradients();
  StepResult result = [&] {
    const Timings::Mark mark = timings_.mark(Part::kForward);
    const Autocast autocast(device_, precision_ == "bf16");
    return learner_.step(phase, batch, moment);
  }();
  GADOLIN_CHECK(result.loss.defined() && result.loss.numel() == 1 && result.loss.requires_grad());
  {
    const Timings::Mark mark = timings_.mark(Part::kBackward);
    result.loss.backward();
  }
  {
    const Timings::Mark mark = timings_.mark(Part::kComm);
    optimiser.average_gradients(comm_);
  }
  const at::Tensor norm = optimiser.clip(settings_.clip_norm);
  const at::Tensor loss = result.loss.detach().reshape({}).to(at::kDouble);
  // Once a phase is at fault, the later ones of the step are left out too; all ranks agree.
  at::Tensor fault = loss.isfinite().logical_and_(norm.isfinite()).logical_not_().to(at::kFloat);
  {
    const Timings::Mark mark = timings_.mark(Part::kComm);
    comm_.all_reduce_sum(fault);
  }
  skip = (skip.defined() ? skip + fault : fault).clamp_max_(1);
  Done done{loss, norm, ReadBack(skip)};
  {
    const Timings::Mark mark = timings_.mark(Part::kOptimiser);
    optimiser.update(learning_rate(settings_, state_.step) * state_.phases[phase].learning_rate_scale, skip);
  }
  if (state_.phases.size() > 1) {
    seen[state_.phases[phase].name + ".loss"] = loss;
    seen[state_.phases[phase].name + ".gradient_norm"] = norm;
  }
  at::Tensor& total = seen["loss"];
  total = total.defined() ? total + loss : loss;
  at::Tensor& squares = seen["gradient_norm"];
  squares = squares.defined() ? (squares.square() + norm.square()).sqrt() : norm;
  for (auto& [name, value] : result.watch) seen[name] = value;
  return done;
}

Step::Outcome Step::run(const data::Batch& batch, const Moment& moment) {
  Outcome outcome;
  std::vector<Done> phases;
  at::Tensor skip;
  for (std::size_t p = 0; p < state_.phases.size(); ++p)
    phases.push_back(run_phase(p, batch, moment, skip, outcome.seen));
  if (phases.back().skipped.value() != 0) outcome.fault = fault_of(phases);
  return outcome;
}

std::string Step::fault_of(std::vector<Done>& phases) const {
  std::string what = "the loss or gradient of another rank";
  for (std::size_t p = phases.size(); p-- > 0;) {
    const double loss = phases[p].loss.item<double>(), norm = phases[p].norm.item<double>();
    const std::string of = phases.size() > 1 ? " of phase " + state_.phases[p].name : "";
    if (!std::isfinite(loss)) {
      what = "the loss" + of + " is " + core::shortest(loss);
    } else if (!std::isfinite(norm)) {
      what = "the norm of the gradient" + of + " is " + core::shortest(norm);
    }
  }
  return what;
}

}  // namespace train
