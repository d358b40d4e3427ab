#pragma once
// The small decoder of a masked autoencoder over tokens: from what the encoder made of the visible tokens to the
// voxels of all. He et al., "Masked autoencoders are scalable vision learners", CVPR 2022.

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/trainable.h"

namespace ssl {

struct TokenFillerShape {
  std::int64_t encoded = 0;  // width of the encoder's tokens
  std::int64_t tokens = 0;   // of a whole picture, visible and hidden
  std::int64_t width = 128, depth = 2, heads = 4;
  std::int64_t outputs = 0;  // numbers a token: voxels of its block times channels
};

// Transformer blocks (norm first) over all tokens, a learnt one in the hidden places, with learnt codes of place.
class TokenFiller : public torch::nn::Module, public runtime::Trainable {
 public:
  // Throws usage Error when the width is no multiple of the heads.
  explicit TokenFiller(const TokenFillerShape& shape);
  // encoded [N, V, encoded], places [N, V] int64: where each visible token belongs. Returns [N, tokens, outputs].
  at::Tensor forward(const at::Tensor& encoded, const at::Tensor& places);
  std::vector<at::Tensor> spared_from_decay() const override { return {hidden_token_, place_code_}; }

 private:
  class Block;
  TokenFillerShape shape_;
  std::shared_ptr<torch::nn::Module> narrow_, norm_, out_;
  std::vector<std::shared_ptr<Block>> blocks_;
  at::Tensor hidden_token_, place_code_;
};

}  // namespace ssl
