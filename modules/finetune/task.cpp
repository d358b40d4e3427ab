#include "finetune/task.h"

#include <torch/utils.h>

#include "core/error.h"

namespace finetune {

Task::Task(const Setup& setup) : setup_(setup) {
  GADOLIN_CHECK(setup_.encoder != nullptr);
  if (setup_.outputs.size() < 2)
    throw core::usage_error("there are " + std::to_string(setup_.outputs.size()) + " classes to tell apart",
                            "a task needs two at least, the background counted");
  for (at::Tensor& parameter : setup_.encoder->parameters()) parameter.requires_grad_(!setup_.frozen);
  networks_.add("encoder", setup_.encoder, !setup_.frozen);
  networks_.to(setup_.device);
  set_training(true);
}

void Task::add(const std::string& name, std::shared_ptr<torch::nn::Module> network) {
  networks_.add(name, std::move(network));
  networks_.to(setup_.device);
}

std::vector<train::Phase> Task::phases() { return {{"finetune", networks_.trained()}}; }

void Task::set_training(bool training) {
  training_ = training;
  networks_.set_training(training);
  if (setup_.frozen) setup_.encoder->eval();
}

at::Tensor Task::predict(const at::Tensor& images) {
  torch::NoGradGuard no_gradient;
  const bool before = training_;
  set_training(false);
  const at::Tensor probabilities = at::softmax(logits(images).to(at::kFloat), 1);
  set_training(before);
  return probabilities;
}

}  // namespace finetune
