#pragma once
// The smallest learner: how bright a view is, from its voxels, by one layer.

#include <ATen/ATen.h>

#include "train/learner.h"

class Linear : public train::Learner {
 public:
  explicit Linear(std::int64_t outputs = 1) {
    weight_ = (at::arange(outputs * 64).reshape({outputs, 64}).to(at::kDouble) / 640).set_requires_grad(true);
  }
  std::vector<train::Phase> phases() override { return {{"all", {{"weight", weight_}}}}; }
  train::StepResult step(std::size_t, const data::Batch& batch, const train::Moment&) override {
    const at::Tensor images = batch.views[0].images.reshape({batch.size(), 64}).to(at::kDouble);
    const at::Tensor error = at::matmul(images, weight_.t()) - images.mean(1, true);
    return {error.square().mean(), {{"error", error.detach().abs().mean()}}};
  }
  train::NamedTensors weights() override { return {{"weight", weight_}}; }
  void set_training(bool training) override { training_ = training; }
  const at::Tensor& weight() const { return weight_; }
  bool training() const { return training_; }

 protected:
  at::Tensor weight_;
  bool training_ = false;
};
