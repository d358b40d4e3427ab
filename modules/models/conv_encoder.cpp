#include "models/conv_encoder.h"

#include <ATen/ATen.h>

#include "core/error.h"
#include "models/part_number.h"
#include "runtime/recompute.h"

namespace models {

ConvEncoder::ConvEncoder(const ConvPlan& plan, const Input& input) : plan_(plan), inputs_(input.channels) {
  const std::size_t count = plan.stages.size();
  GADOLIN_CHECK(count > 0 && plan.channels.size() == count && plan.blocks.size() == count && inputs_ > 0);
  const auto first = std::make_shared<ConvNorm>(inputs_, plan.channels[0], plan.stages[0].kernel, Extent{1, 1, 1}, true,
                                                true, plan.between);
  stem_ = register_module("stem", std::make_shared<Chain<ConvNorm>>("convs", std::vector{first}));
  const auto list = register_module("stages", std::make_shared<torch::nn::Module>());
  std::int64_t in = plan.channels[0];
  for (std::size_t s = 0; s < count; ++s) {
    std::vector<std::shared_ptr<Residual>> blocks;
    for (std::int64_t b = 0; b < plan.blocks[s]; ++b) {
      const Extent stride = b == 0 ? plan.stages[s].stride : Extent{1, 1, 1};
      blocks.push_back(std::make_shared<Residual>(in, plan.channels[s], plan.stages[s].kernel, stride, plan.between));
      in = plan.channels[s];
    }
    stages_.push_back(
        list->register_module(std::to_string(s), std::make_shared<Chain<Residual>>("blocks", std::move(blocks))));
  }
}

std::vector<at::Tensor> ConvEncoder::features(const at::Tensor& image) {
  GADOLIN_CHECK(image.dim() == 5 && image.size(1) == inputs_);
  std::vector<at::Tensor> scales;
  const auto through = [](const auto& stage, const at::Tensor& x) {
    return runtime::recomputed(*stage, [&stage = *stage](const auto& in) { return stage.forward(in[0]); }, {x});
  };
  at::Tensor x = through(stem_, image);
  for (const auto& stage : stages_) {
    x = through(stage, x);
    scales.push_back(x);
  }
  return scales;
}

std::int64_t ConvEncoder::layer_of(const std::string& parameter) const {
  return part_number(parameter, "stages.").value_or(-1) + 1;
}

void ConvEncoder::check_extent(const Extent& extent) const { check_coarsest(extent, stride().back()); }

}  // namespace models
