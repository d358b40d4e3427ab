#include "train/step.h"

#include <ATen/ATen.h>
#include <c10/core/Event.h>

#include <cmath>
#include <optional>

#include "core/error.h"
#include "core/table.h"
#include "train/precision.h"

namespace train {

// A few numbers of the device read on the host without waiting for what was asked of the device afterwards.
class Step::ReadBack {
 public:
  explicit ReadBack(const at::Tensor& numbers) : copy_(numbers.to(at::kCPU, /*non_blocking=*/true)) {
    if (numbers.is_cpu()) return;
    const c10::impl::VirtualGuardImpl device(numbers.device().type());
    arrived_.emplace(numbers.device().type());
    arrived_->record(device.getStream(numbers.device()));
  }
  double value(std::int64_t index) {
    if (arrived_) arrived_->synchronize();
    return copy_[index].item<double>();
  }

 private:
  at::Tensor copy_;
  std::optional<c10::Event> arrived_;
};

struct Step::Done {
  at::Tensor loss, norm;
  ReadBack skipped_and_loss;
};

Step::Step(Learner& learner, RunState& state, const TrainerSettings& settings, c10::Device device, runtime::Comm& comm)
    : learner_(learner),
      state_(state),
      settings_(settings),
      device_(device),
      comm_(comm),
      precision_(resolved_precision(settings.precision, device)) {}

Step::Done Step::run_phase(std::size_t phase, const data::Batch& batch, const Moment& moment, at::Tensor& skip,
                           std::map<std::string, at::Tensor>& seen) {
  AdamW& optimiser = state_.optimisers[phase];
  optimiser.clear_gradients();
  StepResult result = [&] {
    const Autocast autocast(device_, precision_ == "bf16");
    return learner_.step(phase, batch, moment);
  }();
  GADOLIN_CHECK(result.loss.defined() && result.loss.numel() == 1 && result.loss.requires_grad());
  result.loss.backward();
  optimiser.average_gradients(comm_);
  const at::Tensor norm = optimiser.clip(settings_.clip_norm);
  const at::Tensor loss = result.loss.detach().reshape({}).to(at::kDouble);
  // Once a phase is at fault, the later ones of the step are left out too; all ranks agree.
  const at::Tensor fault = loss.isfinite().logical_and_(norm.isfinite()).logical_not_();
  at::Tensor all = at::stack({fault.to(at::kDouble), loss});
  comm_.all_reduce_sum(all);
  skip = (skip.defined() ? skip + all[0].to(at::kFloat) : all[0].to(at::kFloat)).clamp_max_(1);
  Done done{loss, norm, ReadBack(at::stack({skip.to(at::kDouble), all[1] / comm_.size()}))};
  optimiser.update(learning_rate(settings_, state_.step) * state_.phases[phase].learning_rate_scale, skip);
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
  for (Done& phase : phases) outcome.loss += phase.skipped_and_loss.value(1);
  if (phases.back().skipped_and_loss.value(0) != 0) outcome.fault = fault_of(phases);
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
