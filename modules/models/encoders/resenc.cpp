// The encoder of nnU-Net's residual-encoder U-Net: Isensee et al., "nnU-Net revisited", MICCAI 2024. Structure and
// names are its own, so weights travel both ways.

#include <algorithm>
#include <string>

#include "core/error.h"
#include "models/conv_encoder.h"

namespace models {
namespace {

struct ResencSettings : EncoderSettings {
  std::int64_t base = 16;
  std::int64_t cap = 320;
  std::vector<std::int64_t> blocks{1, 2, 2, 2, 2, 2};
  std::int64_t smallest = 4;

  static constexpr auto fields() {
    return std::tuple{
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
};

}  // namespace

extern const EncoderEntry resenc_entry;
const EncoderEntry resenc_entry{"resenc", "residual-encoder U-Net of nnU-Net: for segmentation and masked modelling",
                                [] { return std::unique_ptr<EncoderSettings>(std::make_unique<ResencSettings>()); }};

}  // namespace models
