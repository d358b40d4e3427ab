#include "ssl/token_filler.h"

#include <ATen/ATen.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

#include "core/error.h"
#include "runtime/recompute.h"

namespace ssl {
namespace {

constexpr std::int64_t kMlpRatio = 4;
constexpr double kSpread = 0.02;  // of the first codes and of the hidden token, as in the paper

std::shared_ptr<torch::nn::LinearImpl> linear_layer(std::int64_t in, std::int64_t out) {
  return std::make_shared<torch::nn::LinearImpl>(in, out);
}

std::shared_ptr<torch::nn::LayerNormImpl> token_norm(std::int64_t width) {
  return std::make_shared<torch::nn::LayerNormImpl>(torch::nn::LayerNormOptions({width}));
}

}  // namespace

class TokenFiller::Block : public torch::nn::Module {
 public:
  Block(std::int64_t width, std::int64_t heads) : heads_(heads) {
    norm1_ = register_module("norm1", token_norm(width));
    qkv_ = register_module("qkv", linear_layer(width, 3 * width));
    project_ = register_module("project", linear_layer(width, width));
    norm2_ = register_module("norm2", token_norm(width));
    widen_ = register_module("widen", linear_layer(width, kMlpRatio * width));
    narrow_ = register_module("narrow", linear_layer(kMlpRatio * width, width));
  }

  at::Tensor forward(const at::Tensor& tokens) {
    const std::int64_t n = tokens.size(0), t = tokens.size(1), width = tokens.size(2);
    const at::Tensor qkv =
        qkv_->forward(norm1_->forward(tokens)).view({n, t, 3, heads_, width / heads_}).permute({2, 0, 3, 1, 4});
    const at::Tensor mixed = at::scaled_dot_product_attention(qkv[0], qkv[1], qkv[2]);
    const at::Tensor attended = tokens + project_->forward(mixed.transpose(1, 2).reshape({n, t, width}));
    return attended + narrow_->forward(at::gelu(widen_->forward(norm2_->forward(attended))));
  }

 private:
  std::int64_t heads_;
  std::shared_ptr<torch::nn::LayerNormImpl> norm1_, norm2_;
  std::shared_ptr<torch::nn::LinearImpl> qkv_, project_, widen_, narrow_;
};

TokenFiller::TokenFiller(const TokenFillerShape& shape) : shape_(shape) {
  if (shape.width % shape.heads != 0)
    throw core::usage_error(
        "a decoder of width " + std::to_string(shape.width) + " cannot have " + std::to_string(shape.heads) + " heads",
        "the width must be a multiple of the heads");
  narrow_ = register_module("narrow", linear_layer(shape.encoded, shape.width));
  for (std::int64_t i = 0; i < shape.depth; ++i)
    blocks_.push_back(register_module("block" + std::to_string(i), std::make_shared<Block>(shape.width, shape.heads)));
  norm_ = register_module("norm", token_norm(shape.width));
  out_ = register_module("out", linear_layer(shape.width, shape.outputs));
  hidden_token_ = register_parameter("hidden_token", at::randn({1, 1, shape.width}) * kSpread);
  place_code_ = register_parameter("place_code", at::randn({1, shape.tokens, shape.width}) * kSpread);
}

at::Tensor TokenFiller::forward(const at::Tensor& encoded, const at::Tensor& places) {
  const at::Tensor visible = narrow_->as<torch::nn::LinearImpl>()->forward(encoded);
  const std::int64_t n = visible.size(0);
  const at::Tensor where = places.unsqueeze(2).expand({n, places.size(1), shape_.width});
  at::Tensor tokens =
      hidden_token_.to(visible.scalar_type()).expand({n, shape_.tokens, shape_.width}).scatter(1, where, visible);
  tokens = tokens + place_code_;
  for (const auto& block : blocks_) {
    tokens = runtime::recomputed(*block, [&block = *block](const auto& in) { return block.forward(in[0]); }, {tokens});
  }
  return out_->as<torch::nn::LinearImpl>()->forward(norm_->as<torch::nn::LayerNormImpl>()->forward(tokens));
}

}  // namespace ssl
