#include "train/parts.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <limits>
#include <optional>
#include <vector>

#include "core/error.h"
#include "runtime/generators.h"
#include "runtime/recompute.h"
#include "train/precision.h"

namespace train {
namespace {

class Marked {
 public:
  Marked(const Computation& how, Part part) {
    if (how.timings != nullptr) mark_.emplace(*how.timings, part);
  }

 private:
  std::optional<Timings::Mark> mark_;
};

struct AsSaid {
  explicit AsSaid(const Computation& how)
      : forward(how, Part::kForward), autocast(how.device, how.precision), recompute(how.recompute) {}
  Marked forward;
  Autocast autocast;
  runtime::Recompute recompute;
};

std::vector<data::Batch> cut(const data::Batch& batch, std::int64_t parts) {
  if (parts == 1) return {batch};
  if (batch.size() % parts != 0)
    throw core::usage_error("a batch of " + std::to_string(batch.size()) + " samples cannot be computed in " +
                                std::to_string(parts) + " equal parts",
                            "trainer.accumulate must divide the samples of a rank: data.batch_size over the ranks");
  std::vector<data::Batch> all;
  const std::int64_t size = batch.size() / parts;
  for (std::int64_t begin = 0; begin < batch.size(); begin += size) all.push_back(batch.part(begin, size));
  return all;
}

// By part: with what its terms are multiplied, so that the sum over parts and the mean over ranks is the whole's loss.
std::vector<at::Tensor> shares_of(Learner& learner, std::size_t phase, const std::vector<data::Batch>& parts,
                                  runtime::Comm& comm) {
  std::vector<at::Tensor> shares;
  at::Tensor all;
  for (const data::Batch& part : parts) {
    const at::Tensor weight = learner.weight(phase, part);
    if (!weight.defined())
      return std::vector(parts.size(), at::full({}, 1.0 / static_cast<double>(parts.size()), at::kDouble));
    shares.push_back(weight.to(at::kDouble));
    all = all.defined() ? all + shares.back() : shares.back().clone();
  }
  comm.all_reduce_sum(all);
  const at::Tensor scale = comm.size() / all.clamp_min(std::numeric_limits<double>::min());
  for (at::Tensor& share : shares) share = share * scale;
  return shares;
}

void backward(const at::Tensor& loss, const Computation& how) {
  const Marked backward(how, Part::kBackward);
  (how.loss_scale.defined() ? loss * how.loss_scale : loss).backward();
}

void watch_mean(std::map<std::string, at::Tensor>& means, const StepResult& result, std::size_t parts) {
  for (const auto& [name, value] : result.watch) {
    at::Tensor& mean = means[name];
    const at::Tensor share = value / static_cast<double>(parts);
    mean = mean.defined() ? mean + share : share;
  }
}

Computed at_once(Learner& learner, std::size_t phase, const data::Batch& batch, const Moment& moment,
                 const Computation& how, const std::function<void()>& before_last) {
  StepResult result = [&] {
    const AsSaid as_said(how);
    return learner.step(phase, batch, moment);
  }();
  GADOLIN_CHECK(result.loss.defined() && result.loss.dim() <= 1 && result.loss.requires_grad());
  const at::Tensor loss = result.loss.dim() == 0 ? result.loss : result.loss.sum();
  before_last();
  backward(loss, how);
  return {loss.detach().to(at::kDouble), std::move(result.watch)};
}

Computed by_mean(Learner& learner, std::size_t phase, const std::vector<data::Batch>& parts, const Moment& moment,
                 runtime::Comm& comm, const Computation& how, const std::function<void()>& before_last) {
  const std::vector<at::Tensor> shares = shares_of(learner, phase, parts, comm);
  Computed whole;
  for (std::size_t p = 0; p < parts.size(); ++p) {
    const StepResult result = [&] {
      const AsSaid as_said(how);
      return learner.step(phase, parts[p], moment);
    }();
    GADOLIN_CHECK(result.loss.defined() && result.loss.dim() <= 1 && result.loss.requires_grad());
    const at::Tensor loss = (result.loss.to(at::kDouble) * shares[p]).sum();
    if (p + 1 == parts.size()) before_last();
    backward(loss, how);
    whole.loss = whole.loss.defined() ? whole.loss + loss.detach() : loss.detach();
    watch_mean(whole.watch, result, parts.size());
  }
  return whole;
}

// Gao et al., "Scaling deep contrastive learning batch size under memory limited setup", RepL4NLP 2021.
Computed by_embeddings(Learner& learner, std::size_t phase, const data::Batch& batch,
                       const std::vector<data::Batch>& parts, const Moment& moment, const Computation& how,
                       const std::function<void()>& before_last) {
  std::vector<at::Tensor> generators;
  std::vector<std::vector<at::Tensor>> of_parts;  // by tensor, by part
  for (const data::Batch& part : parts) {
    generators.push_back(runtime::generator_state(how.device));
    const at::NoGradGuard no_gradient;
    const AsSaid as_said(how);
    const std::vector<at::Tensor> embedded = learner.embed(phase, part, moment);
    of_parts.resize(embedded.size());
    for (std::size_t i = 0; i < embedded.size(); ++i) of_parts[i].push_back(embedded[i]);
  }
  std::vector<at::Tensor> whole;
  for (std::vector<at::Tensor>& of_part : of_parts) {
    whole.push_back(at::cat(of_part));
    if (whole.back().is_floating_point()) whole.back().requires_grad_();
    of_part.clear();
  }
  StepResult result = [&] {
    const AsSaid as_said(how);
    return learner.loss_of(phase, whole, batch, moment);
  }();
  GADOLIN_CHECK(result.loss.defined() && result.loss.dim() == 0 && result.loss.requires_grad());
  backward(result.loss, how);
  const runtime::KeepGenerators keep(how.device);
  for (std::size_t p = 0; p < parts.size(); ++p) {
    runtime::set_generator_state(how.device, generators[p]);
    const std::vector<at::Tensor> again = [&] {
      const AsSaid as_said(how);
      return learner.embed(phase, parts[p], moment);
    }();
    torch::autograd::variable_list embedded, gradients;
    for (std::size_t i = 0; i < again.size(); ++i) {
      if (!again[i].requires_grad() || !whole[i].grad().defined()) continue;
      const std::int64_t rows = again[i].size(0);
      embedded.push_back(again[i]);
      gradients.push_back(whole[i].grad().narrow(0, static_cast<std::int64_t>(p) * rows, rows));
    }
    if (p + 1 == parts.size()) before_last();
    const Marked backward(how, Part::kBackward);
    torch::autograd::backward(embedded, gradients);
  }
  return {result.loss.detach().to(at::kDouble), std::move(result.watch)};
}

}  // namespace

void check_parts(Learner& learner, std::int64_t parts) {
  if (parts == 1 || learner.coupling() != Coupling::kWhole) return;
  throw core::usage_error("the loss of " + learner.phases().front().name +
                              " is made of a whole batch and cannot be computed in " + std::to_string(parts) + " parts",
                          "leave trainer.accumulate at 1; a smaller data.batch_size or data.patch, or "
                          "trainer.recompute=stages, save memory too");
}

Computed backward_in_parts(Learner& learner, std::size_t phase, const data::Batch& batch, const Moment& moment,
                           std::int64_t parts, runtime::Comm& comm, const Computation& how,
                           const std::function<void()>& before_last) {
  check_parts(learner, parts);
  const std::vector<data::Batch> all = cut(batch, parts);
  const bool mean = learner.coupling() == Coupling::kMean;
  if (mean && (parts > 1 || comm.size() > 1)) return by_mean(learner, phase, all, moment, comm, how, before_last);
  if (parts > 1) return by_embeddings(learner, phase, batch, all, moment, how, before_last);
  return at_once(learner, phase, batch, moment, how, before_last);
}

}  // namespace train
