#pragma once
// What `vit` and the text encoder are made of. Vaswani et al., "Attention is all you need", NeurIPS 2017; norm first,
// as in Dosovitskiy et al., "An image is worth 16x16 words", ICLR 2021. Names of parameters are MONAI's ViT's.

#include <memory>

#include "models/token_parts.h"

namespace models {

// Added to the variance by the norms of these transformers.
inline constexpr double kTokenVarianceFloor = 1e-6;

// Attention, then two linear layers with a GELU between them; each after a norm and added to what came in. It knows
// no rotation.
class TransformerBlock final : public TokenBlock {
 public:
  // `hidden`: between the two linear layers. `heads` divides `width`.
  TransformerBlock(std::int64_t width, std::int64_t heads, std::int64_t hidden);
  at::Tensor forward(const at::Tensor& tokens, const std::optional<at::Tensor>& may_look,
                     const Rotation& none = {}) const override;

 private:
  struct Attention;
  struct Mlp;
  std::shared_ptr<LayerNorm> norm1_, norm2_;
  std::shared_ptr<Attention> attn_;
  std::shared_ptr<Mlp> mlp_;
};

}  // namespace models
