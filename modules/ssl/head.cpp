#include "ssl/head.h"

#include <ATen/ATen.h>
#include <torch/nn/modules/linear.h>

#include <string>

#include "core/error.h"
#include "losses/precision.h"
#include "models/batch_norm.h"

namespace ssl {

Head::Head(const HeadShape& shape) : shape_(shape) {
  GADOLIN_CHECK(shape.layers >= 1);
  for (std::int64_t i = 0; i < shape.layers; ++i) {
    const bool last = i + 1 == shape.layers;
    // What the normalisation takes away again need not be learnt: no bias before it.
    const bool normalised = last ? shape.norm_out : shape.between == Between::kNormReLU;
    const auto options =
        torch::nn::LinearOptions(i == 0 ? shape.in : shape.hidden, last ? shape.out : shape.hidden).bias(!normalised);
    const std::string number = std::to_string(i);
    layers_.push_back(register_module("layer" + number, std::make_shared<torch::nn::LinearImpl>(options)));
    if (last || !normalised) continue;
    weights_.push_back(register_parameter("norm" + number + "_weight", at::ones({shape.hidden})));
    biases_.push_back(register_parameter("norm" + number + "_bias", at::zeros({shape.hidden})));
  }
}

at::Tensor Head::forward(const at::Tensor& rows, runtime::Comm& comm) {
  at::Tensor x = rows;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    x = layers_[i]->as<torch::nn::LinearImpl>()->forward(x);
    if (i + 1 == layers_.size()) break;
    if (shape_.between == Between::kGELU) {
      x = at::gelu(x);
    } else if (shape_.between == Between::kReLU) {
      x = at::relu(x);
    } else {
      x = at::relu(models::batch_norm(x, weights_[i], biases_[i], comm));
    }
  }
  return shape_.norm_out ? models::batch_norm(x, {}, {}, comm) : x;
}

Prototypes::Prototypes(std::int64_t in, std::int64_t count) {
  weight_ = register_parameter("weight", at::randn({count, in}));
}

at::Tensor Prototypes::forward(const at::Tensor& rows, bool learns) {
  const losses::WithoutAutocast exact;
  return unit_rows(rows).matmul(unit_rows(learns ? weight_ : weight_.detach()).t());
}

at::Tensor unit_rows(const at::Tensor& rows) {
  const losses::WithoutAutocast exact;
  const at::Tensor wide = rows.to(at::kFloat);
  return wide / wide.norm(2, {1}, /*keepdim=*/true).clamp_min(1e-8);
}

}  // namespace ssl
