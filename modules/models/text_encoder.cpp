#include "models/text_encoder.h"

#include <ATen/ATen.h>

#include <string>

#include "core/error.h"
#include "runtime/recompute.h"

namespace models {
namespace {

constexpr std::int64_t kHiddenOverWidth = 4;

}  // namespace

TextEncoder::TextEncoder(const TextSettings& settings) : width_(settings.width) {
  if (settings.width % settings.heads != 0)
    throw core::usage_error("a text encoder of width " + std::to_string(settings.width) + " cannot have " +
                                std::to_string(settings.heads) + " heads",
                            "the width must be a multiple of the heads");
  codes_ = register_parameter("codes", drawn_for_tokens({settings.vocabulary, width_}));
  places_ = register_parameter("places", drawn_for_tokens({1, settings.context, width_}));
  const auto list = register_module("blocks", std::make_shared<torch::nn::Module>());
  for (std::int64_t b = 0; b < settings.depth; ++b) {
    blocks_.push_back(list->register_module(
        std::to_string(b), std::make_shared<TransformerBlock>(width_, settings.heads, kHiddenOverWidth * width_)));
  }
  norm_ = register_module("norm", std::make_shared<LayerNorm>(width_, kTokenVarianceFloor));
}

at::Tensor TextEncoder::forward(const at::Tensor& tokens) const {
  GADOLIN_CHECK(tokens.dim() == 2 && tokens.size(1) >= 1 && tokens.size(1) <= places_.size(1));
  const std::int64_t n = tokens.size(0), length = tokens.size(1);
  const at::Tensor there = tokens != kPadding;
  const at::Tensor may_look = there.view({n, 1, 1, length}).expand({n, 1, length, length});
  at::Tensor x = at::embedding(codes_, tokens) + places_.slice(1, 0, length);
  for (const auto& block : blocks_) {
    x = runtime::recomputed(
        *block, [&block = *block, may_look](const auto& in) { return block.forward(in[0], may_look); }, {x});
  }
  const at::Tensor last = (there.sum(1) - 1).view({n, 1, 1}).expand({n, 1, width_});
  const at::Tensor summary = norm_->forward(x.gather(1, last).squeeze(1));
  return summary.scalar_type() == at::kDouble ? summary : summary.to(at::kFloat);
}

}  // namespace models
