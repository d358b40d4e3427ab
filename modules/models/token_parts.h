#pragma once
// Parts of networks over tokens: what the vision transformers share.

#include <torch/nn/module.h>

#include <cstdint>
#include <optional>

namespace models {

// First weights over tokens: normal with deviation 0.02, cut at two of them. From torch's generator.
at::Tensor drawn_for_tokens(at::IntArrayRef shape);

struct Linear : torch::nn::Module {
  Linear(std::int64_t in, std::int64_t out, bool with_bias = true);
  at::Tensor forward(const at::Tensor& x) const;
  at::Tensor weight, bias;  // bias undefined where there is none
};

// Over the last axis.
struct LayerNorm : torch::nn::Module {
  LayerNorm(std::int64_t width, double variance_floor);
  at::Tensor forward(const at::Tensor& x) const;
  at::Tensor weight, bias;
  double variance_floor;
};

// How the channels of queries and keys are turned, pair by pair, so that what two tokens say to each other follows how
// far they lie apart: cosine and sine [N or 1, 1, T, width of a head / 2]. Undefined: nothing is turned. Su et al.,
// "RoFormer", 2021.
struct Rotation {
  at::Tensor cosine, sine;
};

// x [N, ..., T, width of a head] with its pairs of neighbouring channels turned. Of x's type.
at::Tensor turned(const at::Tensor& x, const Rotation& by);

// One block of a transformer.
struct TokenBlock : torch::nn::Module {
  // x [N, T, width]; may_look [N, 1, T, T] bool: row i may look at column j; nothing: everywhere.
  virtual at::Tensor forward(const at::Tensor& x, const std::optional<at::Tensor>& may_look,
                             const Rotation& rotation) const = 0;
};

}  // namespace models
