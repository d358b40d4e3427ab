#pragma once
// A text to one embedding: what stands beside a picture's encoder where pictures are matched with reports.

#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "core/config.h"
#include "models/transformer_block.h"
#include "runtime/trainable.h"

namespace models {

struct TextSettings {
  std::int64_t vocabulary = 4096;
  std::int64_t context = 256;
  std::int64_t width = 192;
  std::int64_t depth = 4;
  std::int64_t heads = 3;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("vocabulary", &TextSettings::vocabulary,
              "tokens at most: 256 bytes, 3 marks, and what is learned from the reports", Range{259, 65536}),
        field("context", &TextSettings::context, "tokens of a text that are read; a longer one is cut at its end",
              Range{2, 8192}),
        field("width", &TextSettings::width, "channels of a token; a multiple of heads", Range{2, 4096}),
        field("depth", &TextSettings::depth, "transformer blocks", Range{1, 64}),
        field("heads", &TextSettings::heads, "attention heads of a block", Range{1, 64}),
    };
  }
};

// Token codes and learned codes of place, transformer blocks in which every token looks at every other, a last norm;
// the embedding is what the text's last token becomes. Weights are drawn from torch's generator.
class TextEncoder : public torch::nn::Module, public runtime::Trainable {
 public:
  static constexpr std::int64_t kPadding = 0;  // the token that is none

  // Throws usage Error when the heads do not divide the width.
  explicit TextEncoder(const TextSettings& settings);

  // tokens [N, T] int64 below `vocabulary`, T <= context: of each row first its tokens, at least one, then padding.
  // Returns [N, width], float32 or better. Neither padding nor other rows change a row.
  at::Tensor forward(const at::Tensor& tokens) const;

  std::int64_t width() const { return width_; }
  std::vector<at::Tensor> spared_from_decay() const override { return {places_}; }

 private:
  std::int64_t width_;
  at::Tensor codes_, places_;  // [vocabulary, width], [1, context, width]
  std::vector<std::shared_ptr<TransformerBlock>> blocks_;
  std::shared_ptr<LayerNorm> norm_;
};

}  // namespace models
