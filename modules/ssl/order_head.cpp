#include "ssl/order_head.h"

#include <ATen/ATen.h>
#include <torch/nn/modules/linear.h>

namespace ssl {

OrderHead::OrderHead(std::int64_t tiles, std::int64_t width, std::int64_t narrow, std::int64_t hidden,
                     std::int64_t orders)
    : tiles_(tiles) {
  narrow_ = register_module("narrow", std::make_shared<torch::nn::LinearImpl>(width, narrow));
  said_ = register_module("said", std::make_shared<Head>(HeadShape{tiles * narrow, hidden, orders, 2, Between::kReLU}));
}

at::Tensor OrderHead::forward(const at::Tensor& embedded, runtime::Comm& comm) {
  const at::Tensor narrow = at::relu(narrow_->as<torch::nn::LinearImpl>()->forward(embedded));
  return said_->forward(narrow.unflatten(0, {-1, tiles_}).flatten(1), comm);
}

}  // namespace ssl
