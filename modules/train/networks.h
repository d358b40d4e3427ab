#pragma once
// The networks of a learner under their names: what its phases() and weights() follow from.

#include <torch/nn/module.h>

#include <memory>
#include <string>
#include <vector>

#include "train/learner.h"

namespace train {

class Networks {
 public:
  // Tensors of the network are named "<name>.<its own name>". Of an untrained one (teacher, frozen encoder) no
  // parameter is handed to an optimiser.
  void add(const std::string& name, std::shared_ptr<torch::nn::Module> network, bool trained = true);

  // Parameters of the trained networks that require a gradient, with what each network (and every module in it) tells
  // of its own: runtime/trainable.h.
  Parameters trained() const;
  NamedTensors all() const;  // parameters and buffers of all
  void to(const c10::Device& device);
  void set_training(bool training);

 private:
  struct Named {
    std::string name;
    std::shared_ptr<torch::nn::Module> network;
    bool trained;
  };
  std::vector<Named> networks_;
};

}  // namespace train
