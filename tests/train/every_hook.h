#pragma once
// A learner that uses every hook there is: read it to write one of your own. What it computes makes no sense, and each
// line of it changes the weights, so that a hook which is not kept, restored or called would show.

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <string>

#include "data/batch.h"
#include "runtime/comm.h"
#include "train/learner.h"

class EveryHook : public train::Learner {
 public:
  static constexpr std::int64_t kVoxels = 64, kWidth = 8, kQueue = 16, kCentroids = 2, kCases = 8;

  explicit EveryHook(std::uint64_t seed = 1) {
    at::Generator generator = at::globalContext().defaultGenerator(at::kCPU).clone();
    generator.set_current_seed(seed);
    const auto leaf = [&](at::IntArrayRef sizes) {
      return (0.1 * at::randn(sizes, generator)).set_requires_grad(true);
    };
    weight_ = leaf({kWidth, kVoxels});
    bias_ = leaf({kWidth});
    place_ = leaf({3, kWidth});
    critic_ = leaf({1, kWidth});
    teacher_ = weight_.detach().clone();
    queue_ = at::randn({kQueue, kWidth}, generator);
    centroids_ = at::zeros({kCentroids, kWidth});
    codes_ = at::zeros({kCases}, at::kLong);
    seen_ = at::zeros({kCases});
  }

  // Two phases, each with parameters and an optimiser of its own; the second learns twice as fast.
  std::vector<train::Phase> phases() override {
    return {{"student", {{"student.weight", weight_}, {"student.bias", bias_}, {"place.weight", place_}}},
            {"critic", {{"critic.weight", critic_}}, 2.0}};
  }

  train::StepResult step(std::size_t phase, const data::Batch& batch, const train::Moment& moment) override {
    return phase == 0 ? student_step(batch, moment) : critic_step(batch);
  }

  // Codes of the cases by k-means over the whole data set, begun with cases drawn by torch's generator.
  bool wants_pass() const override { return true; }
  void before_epoch(data::BatchSource& pass, const train::Moment&) override {
    const at::NoGradGuard no_gradient;
    at::Tensor features = at::zeros({kCases, kWidth});
    while (static_cast<std::int64_t>(pass.position()) < pass.epoch_size()) {
      const data::Batch batch = pass.next();
      features.index_copy_(0, batch.case_index, embed(batch.views[0], weight_));
    }
    centroids_ = features.index_select(0, alone() ? at::randperm(kCases).narrow(0, 0, kCentroids) : at::arange(2));
    for (int i = 0; i < 3; ++i) {
      codes_ = at::cdist(features, centroids_).argmin(1);
      for (std::int64_t k = 0; k < kCentroids; ++k) {
        const at::Tensor mine = features.index({codes_ == k});
        if (mine.size(0) > 0) centroids_[k].copy_(mine.mean(0));
      }
    }
  }

  // The teacher follows, the queue takes in the keys of all ranks.
  void after_update(const train::Moment&) override {
    const at::NoGradGuard no_gradient;
    teacher_.lerp_(weight_, 0.1);
    queue_ = at::cat({keys_, queue_}).narrow(0, 0, kQueue).clone();
    seen_.index_add_(0, cases_, at::ones({cases_.size(0)}));
  }

  train::NamedTensors weights() override {
    return {{"student.weight", weight_},
            {"student.bias", bias_},
            {"place.weight", place_},
            {"critic.weight", critic_},
            {"teacher.weight", teacher_}};
  }
  void save(runtime::Archive& archive) const override {
    archive.tensors = {{"queue", queue_}, {"centroids", centroids_}, {"codes", codes_}, {"seen", seen_}};
    archive.facts["last_report"] = last_report_;
  }
  void load(const runtime::Archive& archive) override {
    queue_ = archive.tensors.at("queue");
    centroids_ = archive.tensors.at("centroids");
    codes_ = archive.tensors.at("codes");
    seen_ = archive.tensors.at("seen");
    last_report_ = archive.facts.at("last_report");
  }
  void set_training(bool training) override { training_ = training; }

  bool training() const { return training_; }

 private:
  static at::Tensor embed(const data::View& view, const at::Tensor& weight) {
    return at::matmul(view.images.reshape({view.images.size(0), kVoxels}), weight.t()).tanh();
  }
  // Rank threads of one process share torch's generator: then nothing may be drawn from it.
  bool alone() const { return comm().size() == 1; }

  train::StepResult student_step(const data::Batch& batch, const train::Moment& moment) {
    at::Tensor mine = embed(batch.views[0], weight_) + bias_;
    if (alone()) mine = at::dropout(mine, 0.2, training_);
    const at::Tensor partner = embed(batch.views[1], teacher_).detach();  // of another case
    const at::Tensor pull = (mine - partner).square().mean();
    // Over the global batch and the queue; every rank's row counts once.
    keys_ = comm().all_gather(mine);
    const at::Tensor scores = at::matmul(mine, at::cat({keys_, queue_}).t());
    const at::Tensor contrast = scores.logsumexp(1).mean();
    keys_ = keys_.detach();
    // Where the view lies in its case, and what the report says.
    std::vector<at::Tensor> places, words;
    for (std::int64_t i = 0; i < batch.size(); ++i) {
      const auto at = batch.views[0].voxel_to_case[static_cast<std::size_t>(i)]({0, 0, 0});
      places.push_back(at::tensor({at[0], at[1], at[2]}).to(at::kFloat));
      float sum = 0;
      for (const char letter : batch.reports[static_cast<std::size_t>(i)]) sum += static_cast<float>(letter % 7);
      words.push_back(at::full({kWidth}, sum / 100));
    }
    const at::Tensor place = (at::matmul(mine, place_.t()) - at::stack(places)).square().mean();
    const at::Tensor text = (mine * at::stack(words)).mean();
    const at::Tensor code =
        (mine - centroids_.index_select(0, codes_.index_select(0, batch.case_index))).square().mean();
    cases_ = batch.case_index;
    // State that differs by rank.
    const at::Tensor often = (mine.mean(1) * seen_.index_select(0, cases_)).mean();
    const double letters = last_report_.empty() ? 0 : last_report_.back() % 7;
    last_report_ = batch.reports.back();
    return {pull + 0.1 * contrast + 0.1 * place + text + code + 0.01 * often + 0.01 * letters * bias_.mean() +
                (1 - moment.done()) * bias_.square().mean(),
            {{"pull", pull.detach()}, {"code", code.detach()}}};
  }

  train::StepResult critic_step(const data::Batch& batch) {
    const at::Tensor real = at::matmul(embed(batch.views[0], weight_).detach(), critic_.t());
    const at::Tensor old = at::matmul(queue_, critic_.t());
    return {(at::softplus(-real).mean() + at::softplus(old).mean()), {}};
  }

  at::Tensor weight_, bias_, place_, critic_, teacher_;
  at::Tensor queue_, centroids_, codes_, seen_;
  at::Tensor keys_, cases_;  // of the step at hand, for after_update
  std::string last_report_;
  bool training_ = false;
};
