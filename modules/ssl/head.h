#pragma once
// What stands between an encoder's embedding and a loss; thrown away afterwards.

#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/comm.h"

namespace ssl {

enum class Between { kNormReLU, kReLU, kGELU };  // what stands between two linear layers

struct HeadShape {
  std::int64_t in = 0, hidden = 0, out = 0;
  std::int64_t layers = 2;  // linear ones
  Between between = Between::kNormReLU;
  bool norm_out = false;  // batch normalisation of what comes out, without weights of its own
};

// Linear layers, normalised over the batch of all ranks (models/batch_norm.h) without running statistics. Rows [N, in]
// -> [N, out]; every rank must come here.
class Head : public torch::nn::Module {
 public:
  explicit Head(const HeadShape& shape);
  at::Tensor forward(const at::Tensor& rows, runtime::Comm& comm);

 private:
  HeadShape shape_;
  std::vector<std::shared_ptr<torch::nn::Module>> layers_;
  std::vector<at::Tensor> weights_, biases_;  // of the normalisations
};

// Directions that rows are compared with: rows [N, in] -> cosines [N, count], float32. Each prototype is used at length
// 1, whatever its weights are.
class Prototypes : public torch::nn::Module {
 public:
  Prototypes(std::int64_t in, std::int64_t count);
  // Not `learns`: the prototypes get no gradient.
  at::Tensor forward(const at::Tensor& rows, bool learns = true);

 private:
  at::Tensor weight_;
};

// Rows [N, C] at length 1, float32; a row of zeros stays.
at::Tensor unit_rows(const at::Tensor& rows);

}  // namespace ssl
