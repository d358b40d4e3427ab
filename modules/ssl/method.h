#pragma once
// One way to pretrain an encoder without labels. To add one: methods/<name>.cpp with one exported entry, one X in
// methods.cpp, one test; the contract suite tests/ssl/contract_test.cpp then walks over it.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "augment/recipe.h"
#include "core/config.h"
#include "models/encoder.h"
#include "ssl/method_entry.h"
#include "train/learner.h"
#include "train/networks.h"

namespace ssl {

// A Learner that knows which views it wants. Its weights() call the encoder's "encoder.*": what fine-tuning takes over.
// A decoder of models::make_decoder is called "decoder.*" and may be taken over too; every other network has a name
// of its own.
class Method : public train::Learner {
 public:
  // One recipe for each of batch.views, in order.
  virtual std::vector<augment::Recipe> views() const = 0;
  // True for each view, in order, that is taken from the sample's second case; shorter than views() means no for the
  // rest.
  virtual std::vector<bool> of_partner() const { return {}; }
  // Where wants_pass(): the extent at which the pass shows whole cases as its one view (data/whole_case.h), instead of
  // views().
  virtual std::optional<volume::Shape> whole_cases() const { return {}; }
  // [N, encoder's embedding_size()] of images [N, C, D, H, W] as they are; no gradient. What probes look at; call
  // set_training(false) before.
  virtual at::Tensor embedding(const at::Tensor& images) = 0;
  // What a person looks at besides the views to see what is learned: pictures [N, C, D, H, W] of the batch's samples by
  // title ("filled in"), in the order they are shown, in the grey values of views[0]. No gradient, no change of state;
  // called on all ranks, after set_training(false).
  virtual train::NamedTensors pictures(const data::Batch&) { return {}; }
};

// What a method is built from. The method shares the encoder and moves it to the device with its own networks.
struct Setup {
  std::shared_ptr<models::Encoder> encoder;
  models::Input input;  // channels, patch, spacing
  c10::Device device = c10::Device(c10::kCPU);
  // Another encoder of the same kind with weights of its own, drawn from torch's generator: what a teacher begins as.
  // Called in make() only.
  std::function<std::shared_ptr<models::Encoder>()> twin;
  std::int64_t cases = 0;  // of the store: batch.case_index lies below
};

// What most are: one encoder, with networks of the method's own around it, all trained in one phase.
class OneEncoder : public Method {
 public:
  std::vector<train::Phase> phases() override { return {{phase_, networks_.trained()}}; }
  train::NamedTensors weights() override { return networks_.all(); }
  void set_training(bool training) override { networks_.set_training(training); }
  at::Tensor embedding(const at::Tensor& images) override;

 protected:
  OneEncoder(std::string phase, const Setup& setup);
  // Of a view that fills the patch.
  volume::Shape patch() const { return {input_.patch[0], input_.patch[1], input_.patch[2]}; }
  // Moves it to the device. Of an untrained one (a teacher) no parameter is handed to an optimiser.
  void add(const std::string& name, std::shared_ptr<torch::nn::Module> network, bool trained = true);

  models::Input input_;
  std::shared_ptr<models::Encoder> encoder_;

 private:
  std::string phase_;
  c10::Device device_;
  train::Networks networks_;
};

class MethodSettings {
 public:
  virtual ~MethodSettings() = default;
  virtual std::vector<core::Slot> slots() = 0;
  // Draws the first weights of its heads from torch's generator. Throws usage Error when the encoder does not suit,
  // naming those that do, and when a setting does not fit the patch.
  virtual std::unique_ptr<Method> make(const Setup& setup) const = 0;
};

// Those of a method whose settings are a struct with fields(), made as Made(options, setup).
template <core::HasFields Options, class Made>
class SettingsOf final : public MethodSettings {
 public:
  static std::unique_ptr<MethodSettings> defaults() { return std::make_unique<SettingsOf>(); }
  std::vector<core::Slot> slots() override { return core::slots_of(options_); }
  std::unique_ptr<Method> make(const Setup& setup) const override { return std::make_unique<Made>(options_, setup); }

 private:
  Options options_;
};

}  // namespace ssl
