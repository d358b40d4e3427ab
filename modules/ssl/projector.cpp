#include "ssl/projector.h"

#include <ATen/ATen.h>
#include <torch/nn/modules/linear.h>

#include "models/batch_norm.h"

namespace ssl {
namespace {

at::Tensor linear(const std::shared_ptr<torch::nn::Module>& layer, const at::Tensor& rows) {
  return layer->as<torch::nn::LinearImpl>()->forward(rows);
}

}  // namespace

Projector::Projector(std::int64_t in, std::int64_t hidden, std::int64_t out) {
  // What the normalisation takes away again need not be learnt: no bias before it.
  first_ = register_module("first",
                           std::make_shared<torch::nn::LinearImpl>(torch::nn::LinearOptions(in, hidden).bias(false)));
  last_ = register_module("last", std::make_shared<torch::nn::LinearImpl>(hidden, out));
  weight_ = register_parameter("norm_weight", at::ones({hidden}));
  bias_ = register_parameter("norm_bias", at::zeros({hidden}));
}

at::Tensor Projector::forward(const at::Tensor& rows, runtime::Comm& comm) {
  const at::Tensor normed = models::batch_norm(linear(first_, rows), weight_, bias_, comm);
  return linear(last_, at::relu(normed));
}

}  // namespace ssl
