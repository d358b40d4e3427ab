#pragma once
// Tiles in one of several orders: what a jigsaw and a cube of tiles share.

#include <torch/nn/module.h>

#include <memory>
#include <vector>

#include "ssl/head.h"

namespace ssl {

// The order's place in far_permutations, said from the embeddings of all tiles in the order they are shown: each is
// narrowed by one linear layer, then all are looked at together.
class OrderHead : public torch::nn::Module {
 public:
  // `tiles` of a picture, embeddings of `width`, each narrowed to `narrow`.
  OrderHead(std::int64_t tiles, std::int64_t width, std::int64_t narrow, std::int64_t hidden, std::int64_t orders);
  // [N * tiles, width] -> [N, orders]
  at::Tensor forward(const at::Tensor& embedded, runtime::Comm& comm);

 private:
  std::int64_t tiles_;
  std::shared_ptr<torch::nn::Module> narrow_;
  std::shared_ptr<Head> said_;
};

}  // namespace ssl
