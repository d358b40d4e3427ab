#include "models/swin_decoder.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <string>

#include "core/error.h"
#include "runtime/recompute.h"

namespace models {
namespace {

constexpr Extent kOne{1, 1, 1};

at::Tensor through(const BareResidual& block, const at::Tensor& x) {
  return runtime::recomputed(block, [&block](const auto& in) { return block.forward(in[0]); }, {x});
}

}  // namespace

SwinDecoder::Step::Step(std::int64_t in, std::int64_t out, const Stage& finer, const Extent& stride) {
  up = register_module("transp_conv", std::make_shared<torch::nn::Module>())
           ->register_module("conv", std::make_shared<UpConv>(in, out, stride, /*with_bias=*/false));
  merge = register_module("conv_block", std::make_shared<BareResidual>(2 * out, out, finer.kernel));
}

at::Tensor SwinDecoder::Step::forward(const at::Tensor& x, const at::Tensor& around) const {
  return merge->forward(up->forward(x, around));
}

SwinDecoder::SwinDecoder(const Swin& encoder, std::int64_t outputs, bool deep_supervision)
    : strides_(total_strides(encoder.plan().stages)) {
  const std::vector<Stage>& stages = encoder.plan().stages;
  const std::vector<std::int64_t> channels = encoder.channels();
  const std::size_t scales = channels.size();
  // The last but one goes into its step as it is. MONAI calls the coarsest "encoder10", of however many.
  for (std::size_t p = 0; p <= scales; ++p) {
    if (p + 1 == scales) {
      beside_.push_back(nullptr);
      continue;
    }
    const std::int64_t in = p == 0 ? encoder.inputs() : channels[p - 1];
    const std::string name = p == scales ? "encoder10" : "encoder" + std::to_string(p + 1);
    beside_.push_back(register_module(name, std::make_shared<torch::nn::Module>())
                          ->register_module("layer", std::make_shared<BareResidual>(in, p == 0 ? channels[0] : in,
                                                                                    stages[p].kernel)));
  }
  const auto heads = std::make_shared<torch::nn::Module>();
  if (deep_supervision) register_module("seg_layers", heads);
  for (std::size_t p = scales; p >= 1; --p) {
    const std::int64_t out = channels[p < 2 ? 0 : p - 2];
    steps_.push_back(register_module("decoder" + std::to_string(p),
                                     std::make_shared<Step>(channels[p - 1], out, stages[p - 1], stages[p].stride)));
    const auto head = std::make_shared<Conv>(out, outputs, kOne, kOne, true);
    if (p == 1)
      register_module("out", std::make_shared<torch::nn::Module>())
          ->register_module("conv", std::make_shared<torch::nn::Module>())
          ->register_module("conv", head);
    else if (deep_supervision)
      heads->register_module(std::to_string(scales - p), head);
    heads_.push_back(p == 1 || deep_supervision ? head : nullptr);
  }
}

std::vector<at::Tensor> SwinDecoder::maps(const std::vector<at::Tensor>& features, const at::Tensor& image) {
  const std::size_t scales = features.size();
  GADOLIN_CHECK(scales == steps_.size());
  std::vector<at::Tensor> maps;
  at::Tensor x = through(*beside_[scales], features.back());
  for (std::size_t s = 0; s < steps_.size(); ++s) {
    const std::size_t place = scales - 1 - s;  // of what lies beside: 0 is the picture
    at::Tensor around = place == 0 ? image : features[place - 1];
    if (beside_[place]) around = through(*beside_[place], around);
    x = runtime::recomputed(*steps_[s], [&step = *steps_[s]](const auto& in) { return step.forward(in[0], in[1]); },
                            {x, around});
    if (s + 1 == steps_.size() || (heads_[s] && is_training())) maps.push_back(heads_[s]->forward(x));
  }
  std::ranges::reverse(maps);
  return maps;
}

std::vector<Extent> SwinDecoder::extents(const Extent& image) const {
  std::vector<Extent> all;
  for (std::size_t s = 0; s < steps_.size(); ++s) {
    if (s > 0 && !(heads_[steps_.size() - 1 - s] && is_training())) break;
    Extent& extent = all.emplace_back();
    for (std::size_t axis = 0; axis < 3; ++axis)
      extent[axis] = (image[axis] + strides_[s][axis] - 1) / strides_[s][axis];
  }
  return all;
}

}  // namespace models
