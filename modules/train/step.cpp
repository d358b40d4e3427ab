#include "train/step.h"

#include <ATen/ATen.h>
#include <c10/core/Event.h>

#include <cmath>
#include <optional>

#include "core/error.h"
#include "core/table.h"
#include "train/precision.h"

namespace train {
namespace {

// What ranks tell each other of a phase: whether loss or gradient was not finite, whether the loss was not, and the
// loss.
constexpr std::int64_t kAny = 0, kOfLoss = 1, kLoss = 2;

}  // namespace

// A few numbers of the device read on the host without waiting for what was asked of the device afterwards.
class Step::ReadBack {
 public:
  explicit ReadBack(const at::Tensor& numbers) : copy_(numbers.to(at::kCPU, /*non_blocking=*/true)) {
    if (numbers.is_cpu()) return;
    const c10::impl::VirtualGuardImpl device(numbers.device().type());
    arrived_.emplace(numbers.device().type());
    arrived_->record(device.getStream(numbers.device()));
  }
  double value(std::int64_t at) {
    if (arrived_) arrived_->synchronize();
    return copy_[at].item<double>();
  }

 private:
  at::Tensor copy_;
  std::optional<c10::Event> arrived_;
};

struct Step::Done {
  at::Tensor loss, norm;
  ReadBack told;
};

Step::Step(Learner& learner, RunState& state, const TrainerSettings& settings, c10::Device device, runtime::Comm& comm,
           Timings& timings)
    : learner_(learner),
      state_(state),
      settings_(settings),
      comm_(comm),
      timings_(timings),
      how_{device, "fp32", settings.recompute == "stages", {}, &timings} {
  check_parts(learner, settings.accumulate);
  set_precision(resolved_precision(settings.precision, device));
  for (const Phase& phase : state.phases) exchanges_.emplace_back(phase.parameters, comm);
}

void Step::set_precision(const std::string& word) {
  how_.precision = word;
  how_.loss_scale = word == "fp16" ? state_.loss_scale.factor() : at::Tensor();
}

Step::Done Step::run_phase(std::size_t phase, const data::Batch& batch, const Moment& moment, at::Tensor& faults,
                           std::map<std::string, at::Tensor>& seen) {
  Optimiser& optimiser = state_.optimisers[phase];
  optimiser.clear_gradients();
  GradientExchange& exchange = exchanges_[phase];
  const Computed computed = backward_in_parts(learner_, phase, batch, moment, settings_.accumulate, comm_, how_,
                                              [&exchange] { exchange.begin(); });
  const at::Tensor& loss = computed.loss;
  {
    const Timings::Mark mark = timings_.mark(Part::kComm);
    exchange.finish();
  }
  if (how_.loss_scale.defined()) state_.loss_scale.divide(state_.phases[phase].parameters);
  const at::Tensor norm = optimiser.clip(settings_.clip_norm);
  // Once a phase is at fault, the later ones of the step are left out too; all ranks agree.
  const at::Tensor sound = loss.isfinite();
  at::Tensor all = at::stack({sound.logical_and(norm.isfinite()).logical_not_(), sound.logical_not()}).to(at::kDouble);
  all = at::cat({all, loss.reshape({1})});
  {
    const Timings::Mark mark = timings_.mark(Part::kComm);
    comm_.all_reduce_sum(all);
  }
  const at::Tensor fault = all.narrow(0, kAny, 2).to(at::kFloat);
  faults = (faults.defined() ? faults + fault : fault).clamp_max_(1);
  Done done{
      loss, norm,
      ReadBack(at::stack({faults[kAny].to(at::kDouble), faults[kOfLoss].to(at::kDouble), all[kLoss] / comm_.size()}))};
  {
    const Timings::Mark mark = timings_.mark(Part::kOptimiser);
    optimiser.update({.learning_rate = learning_rate(settings_, state_.step) * state_.phases[phase].learning_rate_scale,
                      .average_share = state_.average.share(state_.step + 1),
                      .skip = faults[kAny]});
  }
  if (state_.phases.size() > 1) {
    seen[state_.phases[phase].name + ".loss"] = loss;
    seen[state_.phases[phase].name + ".gradient_norm"] = norm;
  }
  at::Tensor& total = seen["loss"];
  total = total.defined() ? total + loss : loss;
  at::Tensor& squares = seen["gradient_norm"];
  squares = squares.defined() ? (squares.square() + norm.square()).sqrt() : norm;
  for (const auto& [name, value] : computed.watch) seen[name] = value;
  return done;
}

Step::Outcome Step::run(const data::Batch& batch, const Moment& moment) {
  Outcome outcome;
  std::vector<Done> phases;
  at::Tensor faults;
  for (std::size_t p = 0; p < state_.phases.size(); ++p)
    phases.push_back(run_phase(p, batch, moment, faults, outcome.seen));
  for (Done& phase : phases) outcome.loss += phase.told.value(kLoss);
  ReadBack& last = phases.back().told;
  if (last.value(kAny) != 0) {
    outcome.overflow = how_.loss_scale.defined() && last.value(kOfLoss) == 0 && how_.loss_scale.item<float>() > 1;
    if (!outcome.overflow) outcome.fault = fault_of(phases);
  }
  if (how_.loss_scale.defined()) state_.loss_scale.update(faults[kAny]);
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
