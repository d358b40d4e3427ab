#pragma once
// What several ranks with a part of the batch each learn beside what one learns with all of it.

#include <gtest/gtest.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>

#include <functional>
#include <optional>

#include "losses/contrastive.h"
#include "made.h"
#include "models/batch_norm.h"
#include "runtime/comm.h"
#include "train/gradient_exchange.h"
#include "train/networks.h"

namespace equivalence {

// A learner whose trunk has batch normalisation: convolution, normalisation, ReLU, mean over voxels, projection.
class BatchNormTrunk : public train::Learner {
 public:
  BatchNormTrunk()
      : conv_(std::make_shared<torch::nn::Conv3dImpl>(torch::nn::Conv3dOptions(1, 6, 3).stride(2))),
        norm_(std::make_shared<models::BatchNorm>(6)),
        last_(std::make_shared<torch::nn::LinearImpl>(6, 8)) {
    networks_.add("conv", conv_);
    networks_.add("norm", norm_);
    networks_.add("last", last_);
  }
  std::vector<train::Phase> phases() override { return {{"all", networks_.trained()}}; }
  train::NamedTensors weights() override { return networks_.all(); }
  void set_training(bool training) override { networks_.set_training(training); }
  train::StepResult step(std::size_t, const data::Batch& batch, const train::Moment&) override {
    const at::Tensor images = at::cat({batch.views[0].images, batch.views[1].images});
    const at::Tensor rows = at::relu(norm_->forward(conv_->forward(images), comm())).mean({2, 3, 4});
    const std::vector<at::Tensor> halves = last_->forward(rows).chunk(2);
    return {losses::nt_xent(halves[0], halves[1], 0.5, comm()), {}};
  }

 private:
  std::shared_ptr<torch::nn::Conv3dImpl> conv_;
  std::shared_ptr<models::BatchNorm> norm_;
  std::shared_ptr<torch::nn::LinearImpl> last_;
  train::Networks networks_;
};

struct Subject {
  std::unique_ptr<train::Learner> learner;
  data::Batch batch;  // eight samples
};

// "simclr" (its projector normalises over the batch) or "trunk"; always the same weights and samples. Makes use of
// torch's generator: not in rank threads.
inline Subject subject(const std::string& name, at::ScalarType type) {
  auto method = made::method("simclr", "resenc", 3, {"hidden_size=24", "projection_size=12"});
  Subject made{nullptr, made::batch(*method, 8)};
  for (data::View& view : made.batch.views) view.images = view.images.to(type);
  if (name == "simclr") {
    made.learner = std::move(method);
  } else {
    torch::manual_seed(5);
    made.learner = std::make_unique<BatchNormTrunk>();
  }
  for (const auto& [key, weight] : made.learner->weights()) {
    if (weight.is_floating_point()) weight.set_data(weight.to(type));
  }
  made.learner->set_training(true);
  return made;
}

struct Learned {
  double loss = 0;      // of the first step
  at::Tensor gradient;  // of the first step, all parameters one after the other
  at::Tensor weights;   // after all steps, buffers included
};

inline at::Tensor flat(const std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> rows;
  for (const at::Tensor& each : tensors) rows.push_back(each.detach().to(at::kDouble).reshape({-1}));
  return at::cat(rows);
}

// Small, so that a leaky ReLU at its kink does not make a rounding error grow; in float64 none does at 50 times as
// much.
constexpr double kRate = 0.001;

// Steps of plain gradient descent on this rank's part of one batch; the loss is the mean over ranks.
inline Learned learn(Subject& subject, int steps, runtime::Comm& comm) {
  train::Learner& learner = *subject.learner;
  learner.use(comm);
  const std::int64_t size = 8 / comm.size();
  const data::Batch own = subject.batch.part(comm.rank() * size, size);
  const train::Parameters parameters = learner.phases().front().parameters;
  train::GradientExchange exchange(parameters, comm, 4096);
  Learned learned;
  for (int step = 0; step < steps; ++step) {
    for (const train::Parameter& each : parameters) each.tensor.mutable_grad() = at::Tensor();
    exchange.begin();
    const at::Tensor loss = learner.step(0, own, {step, steps, 0}).loss;
    loss.backward();
    exchange.finish();
    const at::NoGradGuard no_gradient;
    std::vector<at::Tensor> gradients;
    for (const train::Parameter& each : parameters) {
      gradients.push_back(each.tensor.grad());
      at::Tensor(each.tensor).add_(each.tensor.grad(), -kRate);
    }
    if (step > 0) continue;
    at::Tensor mean = loss.detach().to(at::kDouble);
    comm.all_reduce_sum(mean);
    learned.loss = mean.item<double>() / comm.size();
    learned.gradient = flat(gradients);
  }
  std::vector<at::Tensor> weights;
  for (const auto& [name, weight] : learner.weights()) {
    if (weight.is_floating_point()) weights.push_back(weight);
  }
  learned.weights = flat(weights);
  return learned;
}

inline double relative(const at::Tensor& a, const at::Tensor& b) { return ((a - b).norm() / b.norm()).item<double>(); }

// One process with eight samples against what this rank has learned.
inline void expect_alike(const Learned& rank, const Learned& one, at::ScalarType type) {
  const bool exact = type == at::kDouble;
  EXPECT_NEAR(rank.loss, one.loss, (exact ? 1e-9 : 1e-5) * one.loss);
  EXPECT_LT(relative(rank.gradient, one.gradient), exact ? 1e-9 : 1e-5);
  EXPECT_LT(relative(rank.weights, one.weights), exact ? 1e-9 : 1e-4);
  EXPECT_GT(one.gradient.norm().item<double>(), 1e-3) << "there is something to compare";
}

}  // namespace equivalence
