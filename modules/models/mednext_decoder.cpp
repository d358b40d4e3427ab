#include "models/mednext_decoder.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <string>

#include "core/error.h"
#include "runtime/recompute.h"

namespace models {

MednextDecoder::MednextDecoder(const MednextPlan& plan, std::int64_t outputs, bool deep_supervision)
    : strides_(total_strides(plan.stages)) {
  const auto ups = register_module("up_blocks", std::make_shared<torch::nn::Module>());
  const auto stages = register_module("dec_stages", std::make_shared<torch::nn::Module>());
  const auto heads = std::make_shared<torch::nn::Module>();
  if (deep_supervision) register_module("out_blocks", heads);
  const auto head = [&](torch::nn::Module& owner, std::size_t s) {
    return owner.register_module("conv_out", std::make_shared<UpConv>(plan.channels(s), outputs, Extent{1, 1, 1}));
  };
  for (std::size_t s = plan.stages.size() - 1; s >= 1; --s) {
    const std::string name = std::to_string(steps_.size());
    // The expansion is that of the finer stage, the kernel reaches as far as there.
    MednextShape shape = plan.shape_of(s - 1);
    shape.in = plan.channels(s);
    shape.stride = plan.stages[s].stride;
    shape.resampling = Resampling::kUp;
    steps_.push_back(
        {ups->register_module(name, std::make_shared<MednextBlock>(shape)),
         stages->register_module(name, std::make_shared<MednextStage>(plan.shape_of(s - 1), plan.blocks[s - 1]))});
    if (deep_supervision)
      heads_.push_back(head(*heads->register_module(name, std::make_shared<torch::nn::Module>()), s));
  }
  out_ = head(*register_module("out_0", std::make_shared<torch::nn::Module>()), 0);
}

at::Tensor MednextDecoder::Step::forward(const at::Tensor& x, const at::Tensor& around) const {
  at::Tensor higher = up->forward(x);
  for (std::int64_t axis = 2; axis < 5; ++axis) higher = higher.narrow(axis, 0, around.size(axis));
  return stage->forward(higher + around);
}

std::vector<at::Tensor> MednextDecoder::Step::parameters() const {
  std::vector<at::Tensor> all = up->parameters();
  for (const at::Tensor& parameter : stage->parameters()) all.push_back(parameter);
  return all;
}

std::vector<at::Tensor> MednextDecoder::maps(const std::vector<at::Tensor>& features, const at::Tensor& image) {
  GADOLIN_CHECK(features.size() == steps_.size() + 1);
  GADOLIN_CHECK(features.front().sizes().slice(2) == image.sizes().slice(2));
  std::vector<at::Tensor> maps;
  at::Tensor x = features.back();
  for (std::size_t s = 0; s < steps_.size(); ++s) {
    if (!heads_.empty() && is_training()) maps.push_back(heads_[s]->forward(x));
    const at::Tensor& around = features[features.size() - 2 - s];
    x = runtime::recomputed(steps_[s], [&step = steps_[s]](const auto& in) { return step.forward(in[0], in[1]); },
                            {x, around});
  }
  maps.push_back(out_->forward(x));
  std::ranges::reverse(maps);
  return maps;
}

std::vector<Extent> MednextDecoder::extents(const Extent& image) const {
  std::vector<Extent> all;
  for (std::size_t s = 0; s < (!heads_.empty() && is_training() ? strides_.size() : 1); ++s) {
    Extent& extent = all.emplace_back();
    for (std::size_t axis = 0; axis < 3; ++axis)
      extent[axis] = (image[axis] + strides_[s][axis] - 1) / strides_[s][axis];
  }
  return all;
}

}  // namespace models
