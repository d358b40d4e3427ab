#include "train/networks.h"

#include <map>
#include <utility>

#include "runtime/trainable.h"

namespace train {
namespace {

struct Told {
  bool spared = false;
  std::int64_t layers_above = 0;
};

using ToldByTensor = std::map<const c10::TensorImpl*, Told>;

void listen(const torch::nn::Module& module, ToldByTensor& told) {
  const auto* const trainable = dynamic_cast<const runtime::Trainable*>(&module);
  if (trainable == nullptr) return;
  if (trainable->layers() > 0) {
    for (const auto& item : module.named_parameters())
      told[item.value().unsafeGetTensorImpl()].layers_above = trainable->layers() - trainable->layer_of(item.key());
  }
  for (const at::Tensor& each : trainable->spared_from_decay()) told[each.unsafeGetTensorImpl()].spared = true;
}

// Outer modules first: of layers the inner one knows better.
ToldByTensor told_by(const torch::nn::Module& network) {
  ToldByTensor told;
  listen(network, told);
  for (const auto& module : network.modules(/*include_self=*/false)) listen(*module, told);
  return told;
}

}  // namespace

void Networks::add(const std::string& name, std::shared_ptr<torch::nn::Module> network, bool trained) {
  networks_.push_back({name, std::move(network), trained});
}

Parameters Networks::trained() const {
  Parameters parameters;
  for (const Named& each : networks_) {
    if (!each.trained) continue;
    const auto told = told_by(*each.network);
    for (const auto& item : each.network->named_parameters()) {
      if (!item.value().requires_grad()) continue;
      const auto found = told.find(item.value().unsafeGetTensorImpl());
      const Told own = found == told.end() ? Told{} : found->second;
      parameters.push_back({each.name + "." + item.key(), item.value(), own.spared, own.layers_above});
    }
  }
  return parameters;
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
