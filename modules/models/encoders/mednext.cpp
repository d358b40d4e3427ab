#include "models/mednext.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "core/error.h"
#include "models/part_number.h"
#include "runtime/recompute.h"

namespace models {
namespace {

// The paper's table 1.
struct MednextSize {
  std::string_view name;
  std::array<std::int64_t, 5> blocks, expansion;
};
constexpr std::array<MednextSize, 4> kMednextSizes{
    MednextSize{"S", {2, 2, 2, 2, 2}, {2, 2, 2, 2, 2}}, MednextSize{"B", {2, 2, 2, 2, 2}, {2, 3, 4, 4, 4}},
    MednextSize{"M", {3, 4, 4, 4, 4}, {2, 3, 4, 4, 4}}, MednextSize{"L", {3, 4, 8, 8, 8}, {3, 4, 8, 8, 8}}};

struct MednextSettings : EncoderSettings {
  std::string size = "S";
  std::int64_t base = 32;
  std::vector<std::int64_t> blocks, expansion;
  std::int64_t kernel = 3;
  bool responses = false;
  std::int64_t smallest = 4;

  static constexpr auto fields() {
    using M = MednextSettings;
    return std::tuple{
        core::field("size", &M::size,
                    "S, B, M or L, as in the paper: what blocks and expansion are where they are "
                    "empty"),
        core::field("base", &M::base, "channels of the finest stage; each further stage has twice as many",
                    core::Range{1, 512}),
        core::field("blocks", &M::blocks,
                    "of each stage, finest first; the list's length is the most stages there can be; empty: as the "
                    "size has them",
                    core::Range{1, 100}),
        core::field("expansion", &M::expansion,
                    "hidden channels of a block over its own, of each stage; as many numbers as blocks; empty: as the "
                    "size has them",
                    core::Range{1, 64}),
        core::field("kernel", &M::kernel, "voxels along an axis that a channel is convolved with: 3, 5 or 7",
                    core::Range{3, 7}),
        core::field("responses", &M::responses, "global response normalisation of the hidden channels"),
        core::field("smallest", &M::smallest, "an axis of the training patch is not halved below this many voxels",
                    core::Range{1, 64}),
    };
  }
  std::vector<core::Slot> slots() override { return core::slots_of(*this); }

  std::shared_ptr<Encoder> make(const Input& input) const override {
    const auto chosen = std::ranges::find(kMednextSizes, std::string_view(size), &MednextSize::name);
    if (chosen == kMednextSizes.end())
      throw core::usage_error("mednext: there is no size '" + size + "'", "there are S, B, M and L");
    const auto or_own = [](const std::vector<std::int64_t>& given, const std::array<std::int64_t, 5>& own) {
      return given.empty() ? std::vector<std::int64_t>(own.begin(), own.end()) : given;
    };
    MednextPlan plan{{}, base, or_own(blocks, chosen->blocks), or_own(expansion, chosen->expansion), kernel, responses};
    if (plan.blocks.size() < 2 || plan.blocks.size() > 8 || plan.expansion.size() != plan.blocks.size())
      throw core::usage_error("mednext: blocks and expansion must be as many numbers, 2 to 8");
    if (kernel % 2 == 0) throw core::usage_error("mednext: kernel must be odd: 3, 5 or 7");
    plan.stages = stages_for(input, static_cast<std::int64_t>(plan.blocks.size()), smallest);
    if (plan.stages.size() < 2)
      throw core::usage_error("mednext: the training patch is too small to be halved once",
                              "take larger patches (data.patch), or a smaller encoder.smallest");
    plan.blocks.resize(plan.stages.size());
    plan.expansion.resize(plan.stages.size());
    return std::make_shared<Mednext>(plan, input);
  }
};

}  // namespace

MednextShape MednextPlan::shape_of(std::size_t stage) const {
  MednextShape shape{.in = channels(stage), .out = channels(stage), .expansion = expansion[stage]};
  for (std::size_t axis = 0; axis < 3; ++axis) shape.kernel[axis] = stages[stage].kernel[axis] == 1 ? 1 : kernel;
  shape.responses = responses;
  return shape;
}

Mednext::Mednext(const MednextPlan& plan, const Input& input) : plan_(plan), inputs_(input.channels) {
  const std::size_t count = plan.stages.size();
  GADOLIN_CHECK(count >= 2 && plan.blocks.size() == count && plan.expansion.size() == count && inputs_ > 0);
  stem_ = register_module("stem", std::make_shared<Conv>(inputs_, plan.base, Extent{1, 1, 1}, Extent{1, 1, 1}, true));
  const auto stages = register_module("enc_stages", std::make_shared<torch::nn::Module>());
  const auto downs = register_module("down_blocks", std::make_shared<torch::nn::Module>());
  for (std::size_t s = 0; s < count; ++s) {
    const auto stage = std::make_shared<MednextStage>(plan.shape_of(s), plan.blocks[s]);
    stages_.push_back(s + 1 < count ? stages->register_module(std::to_string(s), stage)
                                    : register_module("bottleneck", stage));
    if (s + 1 == count) break;
    MednextShape shape = plan.shape_of(s);
    shape.out = plan.channels(s + 1);
    shape.stride = plan.stages[s + 1].stride;
    shape.resampling = Resampling::kDown;
    shape.responses = false;  // as in the reference
    downs_.push_back(downs->register_module(std::to_string(s), std::make_shared<MednextBlock>(shape)));
  }
}

std::vector<std::int64_t> Mednext::channels() const {
  std::vector<std::int64_t> all;
  for (std::size_t s = 0; s < stages_.size(); ++s) all.push_back(plan_.channels(s));
  return all;
}

std::vector<at::Tensor> Mednext::features(const at::Tensor& image) {
  GADOLIN_CHECK(image.dim() == 5 && image.size(1) == inputs_);
  const auto through = [](const auto& part, const at::Tensor& x) {
    return runtime::recomputed(*part, [&part = *part](const auto& in) { return part.forward(in[0]); }, {x});
  };
  std::vector<at::Tensor> scales;
  at::Tensor x = stem_->forward(image);
  for (std::size_t s = 0; s < stages_.size(); ++s) {
    x = through(stages_[s], s == 0 ? x : through(downs_[s - 1], x));
    scales.push_back(x);
  }
  return scales;
}

std::int64_t Mednext::layer_of(const std::string& parameter) const {
  if (parameter.starts_with("bottleneck.")) return layers() - 1;
  if (const auto down = part_number(parameter, "down_blocks.")) return *down + 2;
  return part_number(parameter, "enc_stages.").value_or(-1) + 1;
}

// Biases and scales of channels in all but their shape.
std::vector<at::Tensor> Mednext::spared_from_decay() const {
  std::vector<at::Tensor> spared;
  for (const auto& stage : stages_) {
    for (const auto& block : stage->blocks) {
      if (!block->shape.responses) continue;
      spared.push_back(block->beta);
      spared.push_back(block->gamma);
    }
  }
  return spared;
}

extern const EncoderEntry mednext_entry;
const EncoderEntry mednext_entry{
    "mednext",
    "MedNeXt, with its own decoder, MONAI's names and numbers: large kernels of single channels, for segmentation",
    [] { return std::unique_ptr<EncoderSettings>(std::make_unique<MednextSettings>()); }};

}  // namespace models
