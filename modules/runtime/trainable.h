#pragma once
// What a network tells of its parameters to what trains it. Said once, by the module that owns the parameter.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace runtime {

// Implemented by a torch::nn::Module beside it; names and tensors are its own and those of the modules below it. What
// tells nothing has no layers and nothing spared.
class Trainable {
 public:
  virtual ~Trainable() = default;

  // Parameters that weight decay must leave alone although they have more than one dimension: tokens and codes of
  // place, which are added to features and do not multiply them. (Biases and norms, of one dimension, are always left
  // alone.)
  virtual std::vector<at::Tensor> spared_from_decay() const { return {}; }

  // Layers (stages, blocks) between the picture and a head, and in which of them a parameter stands: 0 for what meets
  // the picture (stem, tokens, codes of place), layers() for what comes behind the last.
  virtual std::int64_t layers() const { return 0; }
  virtual std::int64_t layer_of(const std::string& /*parameter*/) const { return layers(); }
};

}  // namespace runtime
