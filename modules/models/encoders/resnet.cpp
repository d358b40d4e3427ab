// ResNet for small volumes: He et al., "Deep residual learning", CVPR 2016, in 3D; the first convolution keeps the
// resolution, and group normalisation (Wu and He, ECCV 2018) takes the place of batch normalisation: the same in
// training and evaluation, and nothing of one sample in another's embedding.

#include <array>
#include <numeric>
#include <string>

#include "core/error.h"
#include "models/conv_encoder.h"

namespace models {
namespace {

struct ResnetSettings : EncoderSettings {
  std::int64_t depth = 18;
  std::int64_t base = 32;
  std::int64_t groups = 8;
  std::int64_t smallest = 2;

  static constexpr auto fields() {
    return std::tuple{
        core::field("depth", &ResnetSettings::depth, "10 (one block a stage) or 18 (two)", core::Range{10, 18}),
        core::field("base", &ResnetSettings::base,
                    "channels of the first of four stages; each further stage has twice as many", core::Range{1, 512}),
        core::field("groups", &ResnetSettings::groups, "most groups of channels that are normalised together",
                    core::Range{1, 64}),
        core::field("smallest", &ResnetSettings::smallest,
                    "an axis of the training patch is not halved below this many voxels", core::Range{1, 64}),
    };
  }
  std::vector<core::Slot> slots() override { return core::slots_of(*this); }

  std::shared_ptr<Encoder> make(const Input& input) const override {
    if (depth != 10 && depth != 18) throw core::usage_error("resnet: depth must be 10 or 18");
    constexpr std::size_t kStages = 4;
    ConvPlan plan;
    plan.stages = stages_for(input, kStages, smallest);
    plan.stages.resize(kStages, Stage{{1, 1, 1}, {3, 3, 3}});
    plan.between = {std::gcd(groups, base), 0};
    for (std::size_t s = 0; s < kStages; ++s) {
      plan.channels.push_back(base << s);
      plan.blocks.push_back(depth == 10 ? 1 : 2);
    }
    return std::make_shared<ConvEncoder>(plan, input);
  }
};

}  // namespace

extern const EncoderEntry resnet_entry;
const EncoderEntry resnet_entry{"resnet", "ResNet-10 or ResNet-18: for classification of small volumes",
                                [] { return std::unique_ptr<EncoderSettings>(std::make_unique<ResnetSettings>()); }};

}  // namespace models
