#include "models/transformer_block.h"

#include <ATen/ATen.h>

#include "core/error.h"

namespace models {
struct TransformerBlock::Attention : torch::nn::Module {
  Attention(std::int64_t width, std::int64_t given_heads) : heads(given_heads) {
    qkv = register_module("qkv", std::make_shared<Linear>(width, 3 * width));
    out_proj = register_module("out_proj", std::make_shared<Linear>(width, width));
  }
  at::Tensor forward(const at::Tensor& x, const std::optional<at::Tensor>& may_look) const {
    const std::int64_t n = x.size(0), tokens = x.size(1), width = x.size(2);
    const at::Tensor split = qkv->forward(x).view({n, tokens, 3, heads, width / heads}).permute({2, 0, 3, 1, 4});
    const at::Tensor mixed = at::scaled_dot_product_attention(split[0], split[1], split[2], may_look);
    return out_proj->forward(mixed.transpose(1, 2).reshape({n, tokens, width}));
  }
  std::int64_t heads;
  std::shared_ptr<Linear> qkv, out_proj;
};

struct TransformerBlock::Mlp : torch::nn::Module {
  Mlp(std::int64_t width, std::int64_t hidden) {
    linear1 = register_module("linear1", std::make_shared<Linear>(width, hidden));
    linear2 = register_module("linear2", std::make_shared<Linear>(hidden, width));
  }
  at::Tensor forward(const at::Tensor& x) const { return linear2->forward(at::gelu(linear1->forward(x))); }
  std::shared_ptr<Linear> linear1, linear2;
};

TransformerBlock::TransformerBlock(std::int64_t width, std::int64_t heads, std::int64_t hidden) {
  GADOLIN_CHECK(heads > 0 && width % heads == 0);
  norm1_ = register_module("norm1", std::make_shared<LayerNorm>(width, kTokenVarianceFloor));
  attn_ = register_module("attn", std::make_shared<Attention>(width, heads));
  norm2_ = register_module("norm2", std::make_shared<LayerNorm>(width, kTokenVarianceFloor));
  mlp_ = register_module("mlp", std::make_shared<Mlp>(width, hidden));
}

at::Tensor TransformerBlock::forward(const at::Tensor& tokens, const std::optional<at::Tensor>& may_look,
                                     const Rotation&) const {
  const at::Tensor attended = tokens + attn_->forward(norm1_->forward(tokens), may_look);
  return attended + mlp_->forward(norm2_->forward(attended));
}

}  // namespace models
