// The encoder of nnU-Net's residual-encoder U-Net: Isensee et al., "nnU-Net revisited", MICCAI 2024. Structure and
// names are its own, so weights travel both ways.
//
// nnU-Net's presets M, L and XL are one network: 32 channels at first, twice as many at each stage up to 320, (1, 3, 4,
// 6, 6, ...) blocks, as many stages as the patch can be halved. They differ in the memory they may fill (8, 24, 40 GB),
// which decides patch and batch and by these the number of stages. Here patch and batch are the plan's (prepare:
// memory_gb), so M and L name that network, and what nnU-Net means by L is L on a plan for 24 GB. Of S nnU-Net has
// none: here it is half as wide and a third as deep, for a CPU or a small cohort, and what is taken when nothing is
// said.

#include <algorithm>
#include <array>
#include <string>

#include "core/error.h"
#include "models/conv_encoder.h"
#include "models/size.h"

namespace models {
namespace {

struct ResencSize {
  std::string_view name;
  std::int64_t base;
  std::vector<std::int64_t> blocks;
};

const std::array<ResencSize, 3>& sizes() {
  static const std::vector<std::int64_t> kNnUnets{1, 3, 4, 6, 6, 6, 6, 6, 6, 6};
  static const std::array<ResencSize, 3> kAll{
      {{"S", 16, {1, 2, 2, 2, 2, 2}}, {"M", 32, kNnUnets}, {"L", 32, kNnUnets}}};
  return kAll;
}

struct ResencSettings : EncoderSettings {
  std::string size;
  std::int64_t base = 16;
  std::int64_t cap = 320;
  std::vector<std::int64_t> blocks{1, 2, 2, 2, 2, 2};
  std::int64_t smallest = 4;

  static constexpr auto fields() {
    return std::tuple{
        core::field("size", &ResencSettings::size,
                    "M or L: nnU-Net's network of 32 to 320 channels and 1, 3, 4, 6, 6, ... blocks, the same for both, "
                    "for patch and batch are the plan's (memory_gb of prepare: 8, 24); S: ours; decides base, cap and "
                    "blocks; empty: as these say, which is S where nothing is said"),
        core::field("base", &ResencSettings::base, "channels of the finest stage; each further stage has twice as many",
                    core::Range{1, 512}),
        core::field("cap", &ResencSettings::cap, "no stage has more channels than this", core::Range{1, 4096}),
        core::field("blocks", &ResencSettings::blocks,
                    "residual blocks of each stage, finest first; the list's length is the most stages there can be"),
        core::field("smallest", &ResencSettings::smallest,
                    "an axis of the training patch is not halved below this many voxels", core::Range{1, 64}),
    };
  }
  std::vector<core::Slot> slots() override { return core::slots_of(*this); }

  std::shared_ptr<Encoder> make(const Input& input) const override {
    if (!size.empty()) return sized().make(input);
    if (blocks.empty() || blocks.size() > 10 || std::ranges::min(blocks) < 1 || std::ranges::max(blocks) > 100) {
      throw core::usage_error("resenc: blocks must be 1 to 10 numbers from 1 to 100");
    }
    ConvPlan plan;
    plan.stages = stages_for(input, static_cast<std::int64_t>(blocks.size()), smallest);
    for (std::size_t s = 0; s < plan.stages.size(); ++s) {
      plan.channels.push_back(std::min(base << s, std::max(base, cap)));
      plan.blocks.push_back(blocks[s]);
    }
    return std::make_shared<ConvEncoder>(plan, input);
  }

 private:
  ResencSettings sized() const {
    const ResencSettings plain;
    const bool untouched = base == plain.base && cap == plain.cap && blocks == plain.blocks;
    const ResencSize& chosen = size_named(std::string("resenc"), size, std::span<const ResencSize>(sizes()), untouched,
                                          "base, cap and blocks");
    ResencSettings made = *this;
    made.size.clear();
    made.base = chosen.base;
    made.blocks = chosen.blocks;
    return made;
  }
};

}  // namespace

extern const EncoderEntry resenc_entry;
const EncoderEntry resenc_entry{"resenc", "residual-encoder U-Net of nnU-Net: for segmentation and masked modelling",
                                [] { return std::unique_ptr<EncoderSettings>(std::make_unique<ResencSettings>()); }};

}  // namespace models
