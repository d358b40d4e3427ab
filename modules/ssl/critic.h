#pragma once
// Tells made pictures from real ones; thrown away afterwards.

#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "models/blocks.h"
#include "models/encoder.h"

namespace ssl {

// Convolutions that halve the picture until no side has more than 4 voxels, the mean over what is left and, where a
// code belongs to the picture, the code beside it, then a hidden layer and one number: the logit of "real". Nothing is
// normalised: samples do not meet.
class Critic : public torch::nn::Module {
 public:
  // `base`: channels after the first halving, doubled by each further one, 8 base at most. `code`: length, 0 for none.
  Critic(const models::Input& input, std::int64_t base, std::int64_t code);
  // pictures [N, C, D, H, W], codes [N, code] or undefined -> [N]
  at::Tensor forward(const at::Tensor& pictures, const at::Tensor& codes = {}) const;

 private:
  std::vector<std::shared_ptr<models::Conv>> halvings_;
  std::shared_ptr<torch::nn::Module> hidden_, score_;
};

}  // namespace ssl
