#include "models/unet_decoder.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "core/error.h"
#include "models/extent.h"

namespace models {

UnetDecoder::UnetDecoder(const ConvPlan& plan, std::int64_t outputs, bool deep_supervision)
    : deep_supervision_(deep_supervision) {
  const auto up = register_module("transpconvs", std::make_shared<torch::nn::Module>());
  const auto stages = register_module("stages", std::make_shared<torch::nn::Module>());
  const auto heads = register_module("seg_layers", std::make_shared<torch::nn::Module>());
  constexpr Extent kOne{1, 1, 1};
  for (std::size_t below = plan.stages.size() - 1; below >= 1; --below) {
    const std::string name = std::to_string(up_.size());
    const std::int64_t in = plan.channels[below], out = plan.channels[below - 1];
    up_.push_back(up->register_module(name, std::make_shared<UpConv>(in, out, plan.stages[below].stride)));
    std::vector merged{
        std::make_shared<ConvNorm>(2 * out, out, plan.stages[below - 1].kernel, kOne, true, true, plan.between)};
    stages_.push_back(stages->register_module(name, std::make_shared<Chain<ConvNorm>>("convs", std::move(merged))));
    heads_.push_back(heads->register_module(name, std::make_shared<Conv>(out, outputs, kOne, kOne, true)));
    // Without deep supervision the coarser heads are there for nnU-Net's names only: nothing to train.
    for (at::Tensor& parameter : heads_.back()->parameters()) parameter.requires_grad_(deep_supervision || below == 1);
  }
}

std::vector<at::Tensor> UnetDecoder::maps(const std::vector<at::Tensor>& features, const at::Tensor& image) {
  GADOLIN_CHECK(features.size() == up_.size() + 1);
  GADOLIN_CHECK(features.front().sizes().slice(2) == image.sizes().slice(2));
  std::vector<at::Tensor> maps;
  at::Tensor x = features.back();
  for (std::size_t s = 0; s < up_.size(); ++s) {
    const at::Tensor& around = features[features.size() - 2 - s];
    x = stages_[s]->forward(up_[s]->forward(x, around));
    if (s + 1 == up_.size() || (deep_supervision_ && is_training())) maps.push_back(heads_[s]->forward(x));
  }
  std::ranges::reverse(maps);
  return maps;
}

}  // namespace models
