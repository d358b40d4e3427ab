#include "train/networks.h"

#include <utility>

namespace train {

void Networks::add(const std::string& name, std::shared_ptr<torch::nn::Module> network, bool trained) {
  networks_.push_back({name, std::move(network), trained});
}

NamedTensors Networks::trained() const {
  NamedTensors tensors;
  for (const Named& each : networks_) {
    if (!each.trained) continue;
    for (const auto& item : each.network->named_parameters()) {
      if (item.value().requires_grad()) tensors.emplace_back(each.name + "." + item.key(), item.value());
    }
  }
  return tensors;
}

NamedTensors Networks::all() const {
  NamedTensors tensors;
  for (const Named& each : networks_) {
    for (const auto& item : each.network->named_parameters())
      tensors.emplace_back(each.name + "." + item.key(), item.value());
    for (const auto& item : each.network->named_buffers())
      tensors.emplace_back(each.name + "." + item.key(), item.value());
  }
  return tensors;
}

void Networks::to(const c10::Device& device) {
  for (const Named& each : networks_) each.network->to(device);
}

void Networks::set_training(bool training) {
  for (const Named& each : networks_) each.network->train(training);
}

}  // namespace train
