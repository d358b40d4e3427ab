#include "models/vit_decoder.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "core/error.h"
#include "models/stages.h"
#include "runtime/recompute.h"

namespace models {

VitDecoder::Step::Step(std::int64_t in, std::int64_t out, const Extent& stride) {
  up = register_module("up", std::make_shared<UpConv>(in, out, stride));
  norm = register_module("norm", std::make_shared<Norm>(out, Between{}));
}

at::Tensor VitDecoder::Step::forward(const at::Tensor& x) const { return norm->forward(up->forward(x), true); }

VitDecoder::VitDecoder(const Extent& patch, std::int64_t width, std::int64_t outputs, bool deep_supervision) {
  const auto list = register_module("stages", std::make_shared<torch::nn::Module>());
  const auto heads = register_module("seg_layers", std::make_shared<torch::nn::Module>());
  const std::vector<Extent> strides = steps_up(patch);
  std::int64_t in = width;
  for (std::size_t s = 0; s < strides.size(); ++s) {
    const std::int64_t out = std::max<std::int64_t>(in / 2, 16);
    steps_.push_back(list->register_module(std::to_string(s), std::make_shared<Step>(in, out, strides[s])));
    const bool used = deep_supervision || s + 1 == strides.size();
    heads_.push_back(
        used ? heads->register_module(std::to_string(s),
                                      std::make_shared<Conv>(out, outputs, Extent{1, 1, 1}, Extent{1, 1, 1}, true))
             : nullptr);
    in = out;
  }
}

std::vector<at::Tensor> VitDecoder::maps(const std::vector<at::Tensor>& features, const at::Tensor& image) {
  GADOLIN_CHECK(features.size() == 1);
  std::vector<at::Tensor> maps;
  at::Tensor x = features.front();
  for (std::size_t s = 0; s < steps_.size(); ++s) {
    x = runtime::recomputed(*steps_[s], [&step = *steps_[s]](const auto& in) { return step.forward(in[0]); }, {x});
    if (s + 1 == steps_.size() || (heads_[s] && is_training())) maps.push_back(heads_[s]->forward(x));
  }
  std::ranges::reverse(maps);
  GADOLIN_CHECK(maps.front().sizes().slice(2) == image.sizes().slice(2));
  return maps;
}

std::vector<Extent> VitDecoder::extents(const Extent& image) const {
  std::vector<Extent> all;
  Extent extent = image;
  for (std::size_t s = steps_.size(); s-- > 0;) {
    if (s + 1 == steps_.size() || (heads_[s] && is_training())) all.push_back(extent);
    for (std::size_t axis = 0; axis < 3; ++axis) extent[axis] /= steps_[s]->up->stride[axis];
  }
  return all;
}

}  // namespace models
