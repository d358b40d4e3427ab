#include "models/unet_decoder.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "core/error.h"
#include "models/extent.h"
#include "runtime/recompute.h"

namespace models {

UnetDecoder::UnetDecoder(const ConvPlan& plan, std::int64_t outputs, bool deep_supervision)
    : deep_supervision_(deep_supervision), strides_(total_strides(plan.stages)) {
  const auto up = register_module("transpconvs", std::make_shared<torch::nn::Module>());
  const auto stages = register_module("stages", std::make_shared<torch::nn::Module>());
  const auto heads = register_module("seg_layers", std::make_shared<torch::nn::Module>());
  constexpr Extent kOne{1, 1, 1};
  for (std::size_t below = plan.stages.size() - 1; below >= 1; --below) {
    const std::string name = std::to_string(steps_.size());
    const std::int64_t in = plan.channels[below], out = plan.channels[below - 1];
    const auto higher = up->register_module(name, std::make_shared<UpConv>(in, out, plan.stages[below].stride));
    std::vector merged{
        std::make_shared<ConvNorm>(2 * out, out, plan.stages[below - 1].kernel, kOne, true, true, plan.between)};
    const auto merge = std::make_shared<Chain<ConvNorm>>("convs", std::move(merged));
    steps_.push_back({higher, stages->register_module(name, merge)});
    heads_.push_back(heads->register_module(name, std::make_shared<Conv>(out, outputs, kOne, kOne, true)));
    // Without deep supervision the coarser heads are there for nnU-Net's names only: nothing to train.
    for (at::Tensor& parameter : heads_.back()->parameters()) parameter.requires_grad_(deep_supervision || below == 1);
  }
}

at::Tensor UnetDecoder::Step::forward(const at::Tensor& x, const at::Tensor& around) const {
  return merge->forward(up->forward(x, around));
}

std::vector<at::Tensor> UnetDecoder::Step::parameters() const {
  std::vector<at::Tensor> all = up->parameters();
  for (const at::Tensor& parameter : merge->parameters()) all.push_back(parameter);
  return all;
}

std::vector<at::Tensor> UnetDecoder::maps(const std::vector<at::Tensor>& features, const at::Tensor& image) {
  GADOLIN_CHECK(features.size() == steps_.size() + 1);
  GADOLIN_CHECK(features.front().sizes().slice(2) == image.sizes().slice(2));
  std::vector<at::Tensor> maps;
  at::Tensor x = features.back();
  for (std::size_t s = 0; s < steps_.size(); ++s) {
    const at::Tensor& around = features[features.size() - 2 - s];
    x = runtime::recomputed(steps_[s], [&step = steps_[s]](const auto& in) { return step.forward(in[0], in[1]); },
                            {x, around});
    if (s + 1 == steps_.size() || (deep_supervision_ && is_training())) maps.push_back(heads_[s]->forward(x));
  }
  std::ranges::reverse(maps);
  return maps;
}

std::vector<Extent> UnetDecoder::extents(const Extent& image) const {
  std::vector<Extent> all;
  for (std::size_t s = 0; s < (deep_supervision_ && is_training() ? steps_.size() : 1); ++s) {
    Extent& extent = all.emplace_back();
    for (std::size_t axis = 0; axis < 3; ++axis)
      extent[axis] = (image[axis] + strides_[s][axis] - 1) / strides_[s][axis];
  }
  return all;
}

}  // namespace models
