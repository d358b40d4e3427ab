#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "core/error.h"
#include "models/bare_residual.h"
#include "models/part_number.h"
#include "models/swin.h"
#include "models/window_attention.h"
#include "runtime/recompute.h"

namespace models {
namespace {

struct SwinUnetrSettings : EncoderSettings {
  std::int64_t base = 24;
  std::vector<std::int64_t> depths{2, 2, 2, 2};
  std::vector<std::int64_t> heads{3, 6, 12, 24};
  std::vector<std::int64_t> window{7, 7, 7};
  double mlp_ratio = 4;
  bool convolutions = false;
  bool monai_places = false;
  std::int64_t smallest = 2;

  static constexpr auto fields() {
    using S = SwinUnetrSettings;
    return std::tuple{
        core::field("base", &S::base, "channels of the finest scale; each further one has twice as many",
                    core::Range{1, 1024}),
        core::field("depths", &S::depths,
                    "blocks of each stage, finest first, every other one with shifted windows; the list's length is "
                    "the most stages there can be",
                    core::Range{1, 100}),
        core::field("heads", &S::heads, "attention heads of each stage, as many numbers as depths",
                    core::Range{1, 256}),
        core::field("window", &S::window, "tokens of a window along depth, height, width; smaller where there are less",
                    core::Range{1, 64}),
        core::field("mlp_ratio", &S::mlp_ratio, "width of a block's hidden layer over its channels",
                    core::Range{0.5, 16}),
        core::field("convolutions", &S::convolutions,
                    "a residual block of convolutions in front of each stage: the second version of the network"),
        core::field("monai_places", &S::monai_places,
                    "in a window that is smaller than `window` take relative places as MONAI does, for weights that "
                    "were trained there; false: by distance, as the paper has them"),
        core::field("smallest", &S::smallest, "an axis of the training patch is not halved below this many voxels",
                    core::Range{1, 64}),
    };
  }
  std::vector<core::Slot> slots() override { return core::slots_of(*this); }

  void check() const {
    if (depths.empty() || depths.size() > 8 || heads.size() != depths.size())
      throw core::usage_error("swin_unetr: depths and heads must be as many numbers, 1 to 8");
    if (window.size() != 3) throw core::usage_error("swin_unetr: window must be three numbers, one for each axis");
    for (std::size_t s = 0; s < heads.size(); ++s) {
      if ((base << s) % heads[s] != 0)
        throw core::usage_error("swin_unetr: stage " + std::to_string(s) + " has " + std::to_string(base << s) +
                                    " channels, no multiple of its " + std::to_string(heads[s]) + " heads",
                                "with base: 24 (or 48) heads: [3, 6, 12, 24] fit");
    }
  }

  std::shared_ptr<Encoder> make(const Input& input) const override {
    check();
    SwinPlan plan{stages_for(input, static_cast<std::int64_t>(depths.size()) + 2, smallest),
                  base,
                  depths,
                  heads,
                  {window[0], window[1], window[2]},
                  mlp_ratio,
                  convolutions,
                  monai_places};
    if (plan.stages.size() < 3)
      throw core::usage_error("swin_unetr: the training patch is too small to be halved twice",
                              "take larger patches (data.patch), or encoder.smallest of 1");
    plan.depths.resize(plan.stages.size() - 2);
    plan.heads.resize(plan.stages.size() - 2);
    return std::make_shared<Swin>(plan, input);
  }
};

at::Tensor at_least_float(const at::Tensor& x) { return x.scalar_type() == at::kDouble ? x : x.to(at::kFloat); }

at::Tensor channels_first(const at::Tensor& x) { return x.permute({0, 4, 1, 2, 3}); }
at::Tensor channels_behind(const at::Tensor& x) { return x.permute({0, 2, 3, 4, 1}); }

at::Tensor scale_of(const at::Tensor& x) { return channels_first(at::layer_norm(x, {x.size(4)})); }

}  // namespace

// "layersS.0." of S from 1 on, and "layersSc.0." before it where there are convolutions.
struct Swin::Step : torch::nn::Module {
  Step(const SwinPlan& plan, std::size_t s) : full(plan.window), first_places(plan.first_places) {
    const std::int64_t channels = plan.base << s;
    const auto list = register_module("blocks", std::make_shared<torch::nn::Module>());
    for (std::int64_t b = 0; b < plan.depths[s]; ++b)
      blocks.push_back(list->register_module(
          std::to_string(b), std::make_shared<WindowBlock>(channels, plan.heads[s], full, plan.mlp_ratio)));
    merging = register_module("downsample",
                              std::make_shared<PatchMerging>(channels, 2 * channels, plan.stages[s + 2].stride));
    if (plan.convolutions) residual = std::make_shared<BareResidual>(channels, channels, plan.stages[s + 1].kernel);
  }

  // [N, D, H, W, C] -> [N, D / 2, H / 2, W / 2, 2 C].
  at::Tensor forward(const at::Tensor& given) {
    at::Tensor x = given;
    if (residual) {
      x = channels_behind(runtime::recomputed(
          *residual, [&block = *residual](const auto& in) { return at_least_float(block.forward(in[0])); },
          {channels_first(x)}));
    }
    const Windows windows({x.size(1), x.size(2), x.size(3)}, full, first_places, x.device());
    for (std::size_t b = 0; b < blocks.size(); ++b) {
      const auto run = [&block = *blocks[b], windows, shifted = b % 2 == 1](const auto& in) {
        return block.forward(in[0], windows, shifted);
      };
      x = runtime::recomputed(*blocks[b], run, {x});
    }
    return runtime::recomputed(*merging, [&merging = *merging](const auto& in) { return merging.forward(in[0]); }, {x});
  }

  Extent full;
  bool first_places;
  std::vector<std::shared_ptr<WindowBlock>> blocks;
  std::shared_ptr<PatchMerging> merging;
  std::shared_ptr<BareResidual> residual;  // registered beside it, where the name stands
};

Swin::Swin(const SwinPlan& plan, const Input& input) : plan_(plan), inputs_(input.channels) {
  const std::size_t count = plan.stages.size();
  GADOLIN_CHECK(count >= 3 && plan.depths.size() == count - 2 && plan.heads.size() == count - 2 && inputs_ > 0);
  const Extent& patch = plan.stages[1].stride;
  const std::int64_t voxels = inputs_ * patch[0] * patch[1] * patch[2];
  const auto proj = register_module("patch_embed", std::make_shared<torch::nn::Module>())
                        ->register_module("proj", std::make_shared<torch::nn::Module>());
  patch_weight_ = proj->register_parameter(
      "weight", at::randn({plan.base, inputs_, patch[0], patch[1], patch[2]}) / std::sqrt(static_cast<double>(voxels)));
  patch_bias_ = proj->register_parameter("bias", at::zeros({plan.base}));
  for (std::size_t s = 0; s + 2 < count; ++s) {
    const auto step = std::make_shared<Step>(plan, s);
    const std::string name = "layers" + std::to_string(s + 1);
    if (step->residual)
      register_module(name + "c", std::make_shared<torch::nn::Module>())
          ->register_module("0", std::make_shared<torch::nn::Module>())
          ->register_module("layer", step->residual);
    register_module(name, std::make_shared<torch::nn::Module>())->register_module("0", step);
    steps_.push_back(step);
  }
}

std::vector<std::int64_t> Swin::channels() const {
  std::vector<std::int64_t> all;
  for (std::size_t s = 0; s <= steps_.size(); ++s) all.push_back(plan_.base << s);
  return all;
}

std::vector<Extent> Swin::stride() const {
  std::vector<Extent> all = total_strides(plan_.stages);
  all.erase(all.begin());
  return all;
}

void Swin::check_extent(const Extent& extent) const { check_coarsest(extent, stride().back()); }

std::int64_t Swin::layers() const { return std::accumulate(plan_.depths.begin(), plan_.depths.end(), std::int64_t{1}); }

std::int64_t Swin::layer_of(const std::string& parameter) const {
  const auto stage = part_number(parameter, "layers");
  if (!stage) return 0;
  const std::int64_t before =
      std::accumulate(plan_.depths.begin(), plan_.depths.begin() + (*stage - 1), std::int64_t{0});
  const std::string name = "layers" + std::to_string(*stage);
  if (parameter.starts_with(name + ".0.downsample."))
    return before + plan_.depths[static_cast<std::size_t>(*stage) - 1];
  return before + 1 + part_number(parameter, name + ".0.blocks.").value_or(0);
}

std::vector<at::Tensor> Swin::spared_from_decay() const {
  std::vector<at::Tensor> spared;
  for (const auto& step : steps_)
    for (const auto& block : step->blocks) spared.push_back(block->attn->relative_position_bias_table);
  return spared;
}

// The patches do not overlap: a product for each, not a convolution.
at::Tensor Swin::patches(const at::Tensor& image) {
  GADOLIN_CHECK(image.dim() == 5 && image.size(1) == inputs_);
  const Extent& patch = plan_.stages[1].stride;
  Extent grid{};
  std::vector<std::int64_t> more;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const std::int64_t length = image.size(static_cast<std::int64_t>(axis) + 2);
    grid[axis] = (length + patch[axis] - 1) / patch[axis];
    more.insert(more.begin(), {0, grid[axis] * patch[axis] - length});
  }
  const at::Tensor whole = std::ranges::max(more) == 0 ? image : at::constant_pad_nd(image, more);
  const at::Tensor blocks =
      whole.reshape({image.size(0), inputs_, grid[0], patch[0], grid[1], patch[1], grid[2], patch[2]})
          .permute({0, 2, 4, 6, 1, 3, 5, 7})
          .flatten(4);
  return channels_first(at_least_float(at::linear(blocks, patch_weight_.flatten(1), patch_bias_)));
}

std::vector<at::Tensor> Swin::scales_of(const at::Tensor& patches) {
  at::Tensor x = channels_behind(patches);
  std::vector<at::Tensor> scales{scale_of(x)};
  for (const auto& step : steps_) {
    x = step->forward(x);
    scales.push_back(scale_of(x));
  }
  return scales;
}

extern const EncoderEntry swin_unetr_entry;
const EncoderEntry swin_unetr_entry{
    "swin_unetr", "Swin transformer with the decoder of Swin UNETR, MONAI's names and numbers: for masked modelling",
    [] { return std::unique_ptr<EncoderSettings>(std::make_unique<SwinUnetrSettings>()); }};

}  // namespace models
