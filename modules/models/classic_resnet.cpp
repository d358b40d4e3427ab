#include "models/classic_resnet.h"

#include <ATen/ATen.h>

#include <string>

#include "core/error.h"
#include "models/norm.h"
#include "models/part_number.h"
#include "runtime/recompute.h"

namespace models {
namespace {

constexpr Extent kOne{1, 1, 1}, kTwo{2, 2, 2}, kThree{3, 3, 3}, kSeven{7, 7, 7};
constexpr std::int64_t kWidening = 4;  // of a bottleneck
constexpr double kClassicVarianceFloor = 1e-5;

struct ClassicNorm : torch::nn::Module {
  ClassicNorm(std::int64_t channels, const ClassicPlan& plan) : groups(plan.groups == 0 ? channels : plan.groups) {
    weight = register_parameter("weight", at::ones({channels}));
    bias = register_parameter("bias", at::zeros({channels}));
    if (!plan.fixed_statistics) return;
    running_mean = register_buffer("running_mean", at::zeros({channels}));
    running_var = register_buffer("running_var", at::ones({channels}));
    register_buffer("num_batches_tracked", at::zeros({}, at::kLong));
  }
  // Plus `around` where there is one, then ReLU where `active`.
  at::Tensor forward(const at::Tensor& x, bool active, const at::Tensor& around = {}) const {
    if (!running_mean.defined()) return norm_leaky(x, weight, bias, groups, active ? 0 : 1, around);
    at::Tensor y = at::batch_norm(x, weight, bias, running_mean, running_var, /*training=*/false, /*momentum=*/0,
                                  kClassicVarianceFloor, /*cudnn_enabled=*/false);
    if (around.defined()) y = y + around;
    return active ? at::relu(y) : y;
  }
  std::int64_t groups;
  at::Tensor weight, bias, running_mean, running_var;
};

struct Shortcut : torch::nn::Module {
  Shortcut(std::int64_t in, std::int64_t out, const Extent& stride, const ClassicPlan& plan) {
    conv = register_module("0", std::make_shared<Conv>(in, out, kOne, stride, /*with_bias=*/true));
    norm = register_module("1", std::make_shared<ClassicNorm>(out, plan));
  }
  at::Tensor forward(const at::Tensor& x) const { return norm->forward(conv->forward(x), false); }
  std::shared_ptr<Conv> conv;
  std::shared_ptr<ClassicNorm> norm;
};

struct ClassicBlock : torch::nn::Module {
  ClassicBlock(std::int64_t in, std::int64_t planes, const Extent& stride, const ClassicPlan& plan) {
    const std::int64_t out = plan.bottleneck ? kWidening * planes : planes;
    if (plan.bottleneck) {
      add(in, planes, kOne, kOne, plan);
      add(planes, planes, kThree, stride, plan);
      add(planes, out, kOne, kOne, plan);
    } else {
      add(in, planes, kThree, stride, plan);
      add(planes, planes, kThree, kOne, plan);
    }
    if (stride != kOne || in != out)
      shortcut = register_module("downsample", std::make_shared<Shortcut>(in, out, stride, plan));
  }
  at::Tensor forward(const at::Tensor& x) const {
    const at::Tensor around = shortcut ? shortcut->forward(x) : x;
    at::Tensor y = x;
    for (std::size_t i = 0; i + 1 < convs.size(); ++i) y = norms[i]->forward(convs[i]->forward(y), true);
    return norms.back()->forward(convs.back()->forward(y), true, around);
  }
  void add(std::int64_t in, std::int64_t out, const Extent& kernel, const Extent& stride, const ClassicPlan& plan) {
    const std::string number = std::to_string(convs.size() + 1);
    convs.push_back(
        register_module("conv" + number, std::make_shared<Conv>(in, out, kernel, stride, /*with_bias=*/false)));
    norms.push_back(register_module("bn" + number, std::make_shared<ClassicNorm>(out, plan)));
  }
  std::vector<std::shared_ptr<Conv>> convs;
  std::vector<std::shared_ptr<ClassicNorm>> norms;
  std::shared_ptr<Shortcut> shortcut;
};

}  // namespace

// What is computed again as a whole where memory is short; its parts are registered by the network, under MONAI's
// names.
struct ClassicResnet::Part {
  at::Tensor forward(const at::Tensor& x) const {
    if (conv) return norm->forward(conv->forward(x), true);
    at::Tensor y = pooled ? at::max_pool3d(x, {3, 3, 3}, {2, 2, 2}, {1, 1, 1}) : x;
    for (const auto& block : blocks) y = block->forward(y);
    return y;
  }
  std::vector<at::Tensor> parameters() const {
    std::vector<at::Tensor> all;
    const auto add = [&](const torch::nn::Module& module) {
      for (const at::Tensor& each : module.parameters()) all.push_back(each);
    };
    if (conv) add(*conv);
    if (conv) add(*norm);
    for (const auto& block : blocks) add(*block);
    return all;
  }
  std::shared_ptr<Conv> conv;         // of the stem
  std::shared_ptr<ClassicNorm> norm;  // of the stem
  bool pooled = false;                // the first stage
  std::vector<std::shared_ptr<ClassicBlock>> blocks;
};

ClassicResnet::ClassicResnet(const ClassicPlan& plan, const Input& input) : inputs_(input.channels) {
  GADOLIN_CHECK(plan.blocks.size() == 4 && (plan.groups == 0 || plan.base % plan.groups == 0));
  const auto stem = std::make_shared<Part>();
  stem->conv = register_module("conv1", std::make_shared<Conv>(inputs_, plan.base, kSeven, kOne, /*with_bias=*/false));
  stem->norm = register_module("bn1", std::make_shared<ClassicNorm>(plan.base, plan));
  parts_.push_back(stem);
  scales_.stages = {{kOne, kThree}};
  scales_.channels = {plan.base};
  scales_.blocks = {0};
  scales_.between = {plan.fixed_statistics ? 0 : plan.groups, 0};
  std::int64_t in = plan.base;
  for (std::size_t s = 0; s < plan.blocks.size(); ++s) {
    const auto stage = std::make_shared<Part>();
    const auto list = register_module("layer" + std::to_string(s + 1), std::make_shared<torch::nn::Module>());
    const std::int64_t planes = plan.base << s;
    stage->pooled = s == 0;
    for (std::int64_t b = 0; b < plan.blocks[s]; ++b) {
      const auto block = std::make_shared<ClassicBlock>(in, planes, b == 0 && s > 0 ? kTwo : kOne, plan);
      stage->blocks.push_back(list->register_module(std::to_string(b), block));
      in = plan.bottleneck ? kWidening * planes : planes;
    }
    parts_.push_back(stage);
    scales_.stages.push_back({kTwo, kThree});
    scales_.channels.push_back(in);
    scales_.blocks.push_back(plan.blocks[s]);
  }
}

std::vector<at::Tensor> ClassicResnet::features(const at::Tensor& image) {
  GADOLIN_CHECK(image.dim() == 5 && image.size(1) == inputs_);
  std::vector<at::Tensor> scales;
  at::Tensor x = image;
  for (const auto& part : parts_) {
    x = runtime::recomputed(*part, [&part = *part](const auto& in) { return part.forward(in[0]); }, {x});
    scales.push_back(x);
  }
  return scales;
}

std::int64_t ClassicResnet::layer_of(const std::string& parameter) const {
  return part_number(parameter, "layer").value_or(0);
}

}  // namespace models
