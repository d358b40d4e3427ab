#include "ssl/projector.h"

#include <ATen/ATen.h>
#include <torch/nn/modules/linear.h>

namespace ssl {
namespace {

constexpr double kVarianceFloor = 1e-5;

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
  const at::Tensor wide = linear(first_, rows).to(at::kFloat);
  const at::Tensor all = comm.size() == 1 ? wide : comm.all_gather(wide);
  const at::Tensor mean = all.mean(0);
  const at::Tensor deviation = ((all - mean).square().mean(0) + kVarianceFloor).sqrt();
  return linear(last_, at::relu((wide - mean) / deviation * weight_ + bias_));
}

}  // namespace ssl
