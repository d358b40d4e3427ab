#pragma once
// Parts of convolutional networks. Parameters are named as in nnU-Net's, so that weights travel by name.

#include <torch/nn/module.h>

#include <memory>
#include <string>
#include <vector>

#include "models/encoder.h"

namespace models {

// Convolution with "same" padding: the output is ceil(extent / stride). Weights are drawn from torch's generator as in
// He et al., ICCV 2015 (normal, fan in, slope 0.01); the bias begins at 0.
struct Conv : torch::nn::Module {
  Conv(std::int64_t in, std::int64_t out, const Extent& kernel, const Extent& stride, bool with_bias);
  at::Tensor forward(const at::Tensor& x) const;
  at::Tensor weight, bias;
  Extent stride, padding;

 private:
  bool bfloat16_is_broken_for(const at::Tensor& x) const;
};

// Transposed convolution whose kernel is its stride: each voxel becomes a block of its own, one product for all voxels.
// With `beside` the result has its extent and its channels after its own (unfold_beside).
struct UpConv : torch::nn::Module {
  UpConv(std::int64_t in, std::int64_t out, const Extent& stride, bool with_bias = true);
  at::Tensor forward(const at::Tensor& x, const at::Tensor& beside = {}) const;
  at::Tensor weight, bias;
  Extent stride;
};

// What a network does between convolutions.
struct Between {
  std::int64_t groups = 0;  // of the normalisation; 0: one for each channel (instance normalisation)
  double slope = 0.01;      // of the leaky ReLU
};

// weight and bias of norm_leaky.
struct Norm : torch::nn::Module {
  Norm(std::int64_t channels, const Between& between);
  at::Tensor forward(const at::Tensor& x, bool active, const at::Tensor& around = {}) const;
  at::Tensor weight, bias;
  std::int64_t groups;
  double slope;
};

// conv, norm, then leaky ReLU where `active`.
struct ConvNorm : torch::nn::Module {
  ConvNorm(std::int64_t in, std::int64_t out, const Extent& kernel, const Extent& stride, bool with_bias, bool active,
           const Between& between);
  at::Tensor forward(const at::Tensor& x) const;
  std::shared_ptr<Conv> conv;
  std::shared_ptr<Norm> norm;
  bool active;
};

// Residual block "D" of He et al., "Bag of tricks for image classification", CVPR 2019: the way around takes the mean
// over the stride, then a 1x1x1 convolution where channels change. Its last norm begins at 0, so the block begins as
// the way around. With `narrow` channels it is a bottleneck: two 1x1x1 convolutions lead to these and back, `kernel`
// and `stride` are those of the one between.
struct Residual : torch::nn::Module {
  Residual(std::int64_t in, std::int64_t out, const Extent& kernel, const Extent& stride, const Between& between,
           std::int64_t narrow = 0);
  at::Tensor forward(const at::Tensor& x) const;
  // The convolutions in front of the last one, whose norm takes in the way around.
  std::vector<std::shared_ptr<ConvNorm>> inner() const;
  const ConvNorm& last() const { return conv3 ? *conv3 : *conv2; }
  std::shared_ptr<ConvNorm> conv1, conv2, conv3, projection;  // the last two may be missing
  Extent stride;
};

// One after the other, named "<list>.0", "<list>.1" ...
template <class Block>
struct Chain : torch::nn::Module {
  Chain(const std::string& list, std::vector<std::shared_ptr<Block>> given) : blocks(std::move(given)) {
    const auto names = register_module(list, std::make_shared<torch::nn::Module>());
    for (std::size_t i = 0; i < blocks.size(); ++i) names->register_module(std::to_string(i), blocks[i]);
  }
  at::Tensor forward(const at::Tensor& x) const {
    at::Tensor y = x;
    for (const auto& block : blocks) y = block->forward(y);
    return y;
  }
  std::vector<std::shared_ptr<Block>> blocks;
};

}  // namespace models
