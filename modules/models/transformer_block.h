#pragma once
// What transformers over tokens are made of. Vaswani et al., "Attention is all you need", NeurIPS 2017; norm first, as
// in Dosovitskiy et al., "An image is worth 16x16 words", ICLR 2021. Names of parameters are MONAI's ViT's.

#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <optional>

namespace models {

// First weights and codes: normal, cut at two deviations of 0.02. From torch's generator.
at::Tensor drawn_for_tokens(at::IntArrayRef shape);

// Over the last axis; 1e-6 is added to the variance.
struct TokenNorm : torch::nn::Module {
  explicit TokenNorm(std::int64_t width);
  at::Tensor forward(const at::Tensor& tokens) const;
  at::Tensor weight, bias;
};

// Attention, then two linear layers with a GELU between them; each after a norm and added to what came in.
class TransformerBlock : public torch::nn::Module {
 public:
  // `hidden`: between the two linear layers. `heads` divides `width`.
  TransformerBlock(std::int64_t width, std::int64_t heads, std::int64_t hidden);
  // tokens [N, T, width] to the same. may_look [N, 1, T, T] bool: row i to column j; none: everywhere.
  at::Tensor forward(const at::Tensor& tokens, const std::optional<at::Tensor>& may_look) const;

 private:
  struct Attention;
  struct Mlp;
  std::shared_ptr<TokenNorm> norm1_, norm2_;
  std::shared_ptr<Attention> attn_;
  std::shared_ptr<Mlp> mlp_;
};

}  // namespace models
